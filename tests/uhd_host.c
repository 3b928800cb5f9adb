/* uhd_host.c - libuhd's C interface as the tests use it. */
#include "tests/uhd_host.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void uhd_host_check(uhd_error error, const char *what, const char *file, int line)
{
    if (error) {
        char reason[512] = "";
        uhd_get_last_error(reason, sizeof reason);
        print_error("%s:%d: %s: error %d: %s\n", file, line, what, (int)error, reason);
        _fail(file, line);
    }
}

static int64_t ticks(int64_t full_s, double frac_s)
{
    return llround(((double)full_s + frac_s) * UHD_HOST_RATE_SPS);
}

static void seconds(int64_t tick, int64_t *full_s, double *frac_s)
{
    const int64_t rate = (int64_t)UHD_HOST_RATE_SPS;
    *full_s = tick / rate;
    *frac_s = (double)(tick % rate) / UHD_HOST_RATE_SPS;
}

void uhd_host_open(struct uhd_host *host, const char *args)
{
    *host = (struct uhd_host){0};
    char all[256];
    /* a streamer stamps parts of packets by the master clock its session began with */
    snprintf(all, sizeof all, "%s,master_clock_rate=%.0f", args, UHD_HOST_RATE_SPS);
    uhd_error error = UHD_ERROR_KEY; /* not found: a busy machine answers late */
    for (int k = 0; k < 3 && error == UHD_ERROR_KEY; k++) {
        error = uhd_usrp_make(&host->usrp, all);
    }
    uhd_ok(error);
    uhd_ok(uhd_usrp_set_rx_rate(host->usrp, UHD_HOST_RATE_SPS, 0));
    uhd_ok(uhd_usrp_set_tx_rate(host->usrp, UHD_HOST_RATE_SPS, 0));
    uhd_tune_request_t request = {.target_freq = UHD_HOST_FREQ_HZ,
                                  .rf_freq_policy = UHD_TUNE_REQUEST_POLICY_AUTO,
                                  .dsp_freq_policy = UHD_TUNE_REQUEST_POLICY_AUTO};
    uhd_tune_result_t result;
    uhd_ok(uhd_usrp_set_rx_freq(host->usrp, &request, 0, &result));
    uhd_ok(uhd_usrp_set_tx_freq(host->usrp, &request, 0, &result));
    for (size_t c = 0; c < 2; c++) {
        uhd_ok(uhd_usrp_set_rx_gain(host->usrp, 30, c, ""));
        uhd_ok(uhd_usrp_set_tx_gain(host->usrp, 60, c, ""));
    }
    uhd_ok(uhd_usrp_set_time_now(host->usrp, 0, 0.0, 0));
    uhd_ok(uhd_rx_metadata_make(&host->about));
    uhd_ok(uhd_async_metadata_make(&host->message));
}

static void free_streams(struct uhd_host *host)
{
    if (host->rx) {
        uhd_rx_streamer_free(&host->rx);
    }
    if (host->tx) {
        uhd_tx_streamer_free(&host->tx);
    }
    host->rx = NULL;
    host->tx = NULL;
}

void uhd_host_close(struct uhd_host *host)
{
    free_streams(host);
    if (host->about) {
        uhd_rx_metadata_free(&host->about);
    }
    if (host->message) {
        uhd_async_metadata_free(&host->message);
    }
    if (host->usrp) {
        uhd_usrp_free(&host->usrp);
    }
    *host = (struct uhd_host){0};
}

void uhd_host_streams(struct uhd_host *host, size_t n_channels)
{
    static char cpu[] = "fc32", wire[] = "sc16", none[] = "";
    size_t channels[2] = {0, 1};
    uhd_stream_args_t args = {.cpu_format = cpu,
                              .otw_format = wire,
                              .args = none,
                              .channel_list = channels,
                              .n_channels = (int)n_channels};
    free_streams(host);
    host->n_channels = n_channels;
    uhd_ok(uhd_rx_streamer_make(&host->rx));
    uhd_ok(uhd_tx_streamer_make(&host->tx));
    uhd_ok(uhd_usrp_get_rx_stream(host->usrp, &args, host->rx));
    uhd_ok(uhd_usrp_get_tx_stream(host->usrp, &args, host->tx));
}

int64_t uhd_host_now(const struct uhd_host *host)
{
    int64_t full_s = 0;
    double frac_s = 0;
    uhd_ok(uhd_usrp_get_time_now(host->usrp, 0, &full_s, &frac_s));
    return ticks(full_s, frac_s);
}

/* ---- receive ---- */

void uhd_host_start(struct uhd_host *host, int64_t tick, size_t n_samples)
{
    uhd_stream_cmd_t command = {.stream_mode = n_samples > 0 ? UHD_STREAM_MODE_NUM_SAMPS_AND_DONE
                                                             : UHD_STREAM_MODE_START_CONTINUOUS,
                                .num_samps = n_samples,
                                .stream_now = tick < 0};
    if (tick >= 0) {
        seconds(tick, &command.time_spec_full_secs, &command.time_spec_frac_secs);
    }
    uhd_ok(uhd_rx_streamer_issue_stream_cmd(host->rx, &command));
}

void uhd_host_stop(struct uhd_host *host)
{
    uhd_stream_cmd_t command = {.stream_mode = UHD_STREAM_MODE_STOP_CONTINUOUS, .stream_now = true};
    uhd_ok(uhd_rx_streamer_issue_stream_cmd(host->rx, &command));
    static float _Complex drain[2][4096];
    while (uhd_host_recv(host, drain[0], drain[1], 4096, 0.1).n_samples > 0) {
    }
}

struct uhd_heard uhd_host_recv(struct uhd_host *host, float _Complex *sample,
                               float _Complex *second, size_t n_max, double timeout_s)
{
    void *buffers[2] = {sample, second};
    struct uhd_heard heard = {0};
    int64_t full_s = 0;
    double frac_s = 0;
    uhd_ok(uhd_rx_streamer_recv(host->rx, buffers, n_max, &host->about, timeout_s, false,
                                &heard.n_samples));
    uhd_ok(uhd_rx_metadata_error_code(host->about, &heard.code));
    uhd_ok(uhd_rx_metadata_out_of_sequence(host->about, &heard.out_of_sequence));
    uhd_ok(uhd_rx_metadata_end_of_burst(host->about, &heard.end_of_burst));
    uhd_ok(uhd_rx_metadata_time_spec(host->about, &full_s, &frac_s));
    heard.first_tick = ticks(full_s, frac_s);
    heard.error_tick = heard.code ? heard.first_tick : 0;
    return heard;
}

struct uhd_heard uhd_host_collect(struct uhd_host *host, float _Complex *sample,
                                  float _Complex *second, size_t n, double timeout_s)
{
    struct uhd_heard all = {0};
    while (all.n_samples < n && !all.code) {
        const struct uhd_heard part =
            uhd_host_recv(host, sample + all.n_samples, second ? second + all.n_samples : NULL,
                          n - all.n_samples, timeout_s);
        all.first_tick = all.n_samples == 0 ? part.first_tick : all.first_tick;
        all.n_samples += part.n_samples;
        all.code = part.code;
        all.out_of_sequence = part.out_of_sequence;
        all.end_of_burst = part.end_of_burst;
        all.error_tick = part.error_tick;
    }
    return all;
}

/* ---- transmit ---- */

void uhd_host_send(struct uhd_host *host, const float _Complex *sample, size_t n, int64_t tick,
                   bool is_first, bool is_last)
{
    const void *buffers[2] = {sample, sample};
    uhd_tx_metadata_handle about = NULL;
    int64_t full_s = 0;
    double frac_s = 0;
    size_t n_sent = 0;
    if (tick >= 0) {
        seconds(tick, &full_s, &frac_s);
    }
    uhd_ok(uhd_tx_metadata_make(&about, tick >= 0, full_s, frac_s, is_first, is_last));
    uhd_ok(uhd_tx_streamer_send(host->tx, buffers, n, &about, 5.0, &n_sent));
    assert_int_equal(n_sent, n);
    uhd_tx_metadata_free(&about);
}

uhd_async_metadata_event_code_t uhd_host_message(struct uhd_host *host, double timeout_s,
                                                 int64_t *tick)
{
    bool is_valid = false;
    uhd_async_metadata_event_code_t event = 0;
    int64_t full_s = 0;
    double frac_s = 0;
    uhd_ok(uhd_tx_streamer_recv_async_msg(host->tx, &host->message, timeout_s, &is_valid));
    if (!is_valid) {
        return 0;
    }
    uhd_ok(uhd_async_metadata_event_code(host->message, &event));
    uhd_ok(uhd_async_metadata_time_spec(host->message, &full_s, &frac_s));
    if (tick) {
        *tick = ticks(full_s, frac_s);
    }
    return event;
}
