/* softusrp_rig.h - the software USRP as a program of its own, for tests: start, report, stop.
 *                                                                              layer: tests
 * Give each test its own loopback address (127.0.1.x), so that tests run beside one another. */
#ifndef TESTS_SOFTUSRP_RIG_H
#define TESTS_SOFTUSRP_RIG_H

#include <jansson.h>

#include "tests/program.h"

#define PROGRAM_SOFTUSRP ZP_BUILD_DIR "/tests/softusrp"

#ifdef __SANITIZE_THREAD__ /* libuhd's own threads are not instrumented: its locks are not seen */
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif

struct softusrp_rig {
    struct program program;
    size_t n_reports;
    json_t *report; /* the latest; borrowed by who asks for it */
};

/* Start with these arguments (see softusrp_main.c) and wait until its ports are bound; the test
 * fails when that does not come. */
__attribute__((format(printf, 2, 3))) void softusrp_rig_start(struct softusrp_rig *rig,
                                                              const char *format, ...);

/* Ask for a report and read it. */
const json_t *softusrp_rig_report(struct softusrp_rig *rig);

/* End it; the last report stays until softusrp_rig_free. Fails the test when it crashed. */
const json_t *softusrp_rig_stop(struct softusrp_rig *rig);

void softusrp_rig_free(struct softusrp_rig *rig); /* kills what still runs */

/* A value of a report by path, "devices.0.channels.0.tx.late"; fails the test when absent. A number
 * that is null is NaN. */
const json_t *softusrp_rig_value(const json_t *report, const char *path);
double softusrp_rig_number(const json_t *report, const char *path);

/* How often a fault was injected into a device. */
double softusrp_rig_injected(const json_t *report, unsigned device, const char *fault);

#endif
