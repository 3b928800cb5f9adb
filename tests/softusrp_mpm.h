/* softusrp_mpm.h - a device's management: discovery over UDP, remote calls over TCP.  layer: tests
 * Source: watched between stock libuhd 4.3 and an E320's MPM: MessagePack-RPC, requests
 * [0, id, method, [token, ...]], answers [1, id, error, result]. */
#ifndef TESTS_SOFTUSRP_MPM_H
#define TESTS_SOFTUSRP_MPM_H

#include <poll.h>
#include <stddef.h>

#include "config/status.h"

#define MPM_CONNECTIONS 16
#define MPM_POLLS (2 + MPM_CONNECTIONS)

struct device;
struct mpm;

/*   err  ST_BUSY a port is taken   own  borrows device; caller frees */
enum status mpm_new(struct device *device, struct mpm **mpm) must_check;
void mpm_free(struct mpm **mpm); /* NULL-safe */

/* Take in and answer what came; answers that wait go out when due. A dead device does neither. */
void mpm_serve(struct mpm *mpm);

/* Close every connection. */
void mpm_drop(struct mpm *mpm);

/* What a wait is to watch.   ret  number of entries written, at most MPM_POLLS */
size_t mpm_polls(const struct mpm *mpm, struct pollfd *poll);

/* Methods nobody knew, for the report. */
unsigned long mpm_n_unknown(const struct mpm *mpm);

#endif
