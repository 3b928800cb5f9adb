/* uhd_host.h - a host of the software USRP through libuhd's C interface, for tests: one device, one
 * receive and one transmit streamer, device time in samples. Any refusal fails the test.
 *                                                                              layer: tests */
#ifndef TESTS_UHD_HOST_H
#define TESTS_UHD_HOST_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uhd.h>

#define UHD_HOST_RATE_SPS 2e6
#define UHD_HOST_FREQ_HZ 915e6
#define UHD_HOST_SAMPLES_MAX 65536

struct uhd_host {
    uhd_usrp_handle usrp;
    uhd_rx_streamer_handle rx;
    uhd_tx_streamer_handle tx;
    size_t n_channels;
    uhd_rx_metadata_handle about;
    uhd_async_metadata_handle message;
};

struct uhd_heard { /* what one or more recv calls gave */
    size_t n_samples;
    int64_t first_tick; /* device time of the first sample, in samples */
    uhd_rx_metadata_error_code_t code;
    bool out_of_sequence, end_of_burst;
    int64_t error_tick;
};

#define uhd_ok(call) uhd_host_check((call), #call, __FILE__, __LINE__)
void uhd_host_check(uhd_error error, const char *what, const char *file, int line);

/* Make the device at args; rate, frequency, gains (60 and 30 dB: the nominal ones), time 0. */
void uhd_host_open(struct uhd_host *host, const char *args);
void uhd_host_close(struct uhd_host *host); /* safe on zeroed memory */

/* New streamers for n_channels channels (the old ones go first). */
void uhd_host_streams(struct uhd_host *host, size_t n_channels);

int64_t uhd_host_now(const struct uhd_host *host); /* device time, in samples */

/* n_samples 0: continuous, until uhd_host_stop. tick < 0: now. */
void uhd_host_start(struct uhd_host *host, int64_t tick, size_t n_samples);
void uhd_host_stop(struct uhd_host *host); /* and take what still comes */

/* One recv; the samples of channel 1 go to `second` when that is not NULL. */
struct uhd_heard uhd_host_recv(struct uhd_host *host, float _Complex *sample,
                               float _Complex *second, size_t n_max, double timeout_s);

/* Until n samples or an error. */
struct uhd_heard uhd_host_collect(struct uhd_host *host, float _Complex *sample,
                                  float _Complex *second, size_t n, double timeout_s);

/* Send at `tick` (< 0: no time) to all channels; a burst that begins and, if is_last, ends. */
void uhd_host_send(struct uhd_host *host, const float _Complex *sample, size_t n, int64_t tick,
                   bool is_first, bool is_last);

/* The next asynchronous message.   ret  0: none in time   out  its device time in samples */
uhd_async_metadata_event_code_t uhd_host_message(struct uhd_host *host, double timeout_s,
                                                 int64_t *tick);

#endif
