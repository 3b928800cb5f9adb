/* radio_uhd_tx.c - the transmit thread's part of a USRP: one endless burst that begins at tick 0.
 * When the device has lost it (ran dry, came too late) the burst is ended and the next one begins at
 * the tick it belongs to, so that ticks stay device time. */
#include <stdio.h>
#include <time.h>

#include "config/log.h"
#include "config/units.h"
#include "radio/radio_uhd_parts.h"

#define CLOSE_MESSAGES_MAX 64
#define LATE_AGAIN_US 10000.0 /* two late bursts within: the lead is too short, nothing hurries */

static bool is_dead(const struct radio_uhd *self)
{
    return atomic_load_explicit(&self->dead, memory_order_relaxed);
}

/* Hand samples over, the spare channel stays silent.   ret  *n_taken 0 when none are taken */
static enum status push(struct radio_uhd *self, const float _Complex *sample, size_t n_samples,
                        uhd_tx_metadata_handle *about, size_t *n_taken)
{
    const void *buffers[2] = {sample, self->zeros};
    enum status status = ST_OK;
    *n_taken = 0;
    UHD_TRY(status, uhd_tx_streamer_send(self->tx, buffers, n_samples, about, UHD_POLL_S, n_taken));
    return status ? uhd_dead(self, self->tx_device, status_detail()) : ST_OK;
}

static enum status silence(struct radio_uhd *self)
{
    char why[96];
    snprintf(why, sizeof why, "no transmit samples taken for %g s (radio.uhd.silence_s)",
             self->cfg.silence_s);
    return uhd_dead(self, self->tx_device, why);
}

/* Hand over the end of the burst if the device takes it now.   out  self->burst_open */
static enum status end_try(struct radio_uhd *self)
{
    size_t n_taken = 0;
    enum status status = push(self, self->zeros, UHD_END_SAMPLES, &self->tx_end, &n_taken);
    self->burst_open = self->ending = n_taken == 0;
    return status;
}

/* A few zeros that carry the end of the burst: the carrier is off after them, and a burst that takes
 * its place in time need not wait for them. */
static enum status end_burst(struct radio_uhd *self)
{
    if (!self->burst_open) {
        return ST_OK;
    }
    enum status status = ST_OK;
    const int64_t patient_ns = is_dead(self) ? 0 : (int64_t)(self->cfg.silence_s * 1e9);
    int64_t waited_ns = 0;
    do {
        const int64_t begin_ns = uhd_host_ns();
        status = end_try(self);
        waited_ns += uhd_waited_ns(begin_ns);
    } while (!status && self->burst_open && waited_ns < patient_ns);
    return !status && self->burst_open ? silence(self) : status; /* uhd_tx_end tries again */
}

/* A burst refused for being late begins again at once, a second one soon after does not. */
static void late_note(struct radio_uhd *self)
{
    const int64_t now = radio_uhd_now((struct radio *)self);
    const int64_t again_ticks = units_ticks_from_us(LATE_AGAIN_US, self->base.rate_sps);
    radio_count(&self->base.late, 1);
    if (now - self->late_tick < again_ticks) {
        self->resume_tick = now + again_ticks;
    }
    self->late_tick = now;
}

/* Count asynchronous messages.   ret  true when the burst lost its place in time */
static bool poll_messages(struct radio_uhd *self)
{
    bool broken = false, valid = true;
    while (uhd_tx_streamer_recv_async_msg(self->tx, &self->message, 0.0, &valid) ==
               UHD_ERROR_NONE &&
           valid) {
        uhd_async_metadata_event_code_t event = 0;
        uhd_async_metadata_event_code(self->message, &event);
        switch (event) {
        case UHD_ASYNC_METADATA_EVENT_CODE_UNDERFLOW:
        case UHD_ASYNC_METADATA_EVENT_CODE_UNDERFLOW_IN_PACKET:
            radio_count(&self->base.underflows, 1);
            broken = true;
            break;
        case UHD_ASYNC_METADATA_EVENT_CODE_TIME_ERROR:
            late_note(self);
            broken = true;
            break;
        case UHD_ASYNC_METADATA_EVENT_CODE_SEQ_ERROR:
        case UHD_ASYNC_METADATA_EVENT_CODE_SEQ_ERROR_IN_BURST:
            radio_count(&self->base.sequence_errors, 1);
            broken = true;
            break;
        default: break;
        }
    }
    return broken;
}

/* Sleep until `tick` is no more than the lead ahead.   ret  false when stopped */
static bool wait_lead(struct radio_uhd *self, int64_t tick)
{
    return uhd_tick_await(self, tick - units_ticks_from_us(self->tx_lead_us, self->base.rate_sps));
}

/* Outside a burst: samples that cannot be in time any more are dropped.   ret  how many */
static size_t drop_late(struct radio_uhd *self, size_t n_samples, int64_t tick)
{
    const int64_t margin = units_ticks_from_us(self->tx_lead_us / 2, self->base.rate_sps);
    const int64_t soonest = radio_uhd_now((struct radio *)self) + margin;
    const int64_t n_late = (soonest > self->resume_tick ? soonest : self->resume_tick) - tick;
    if (n_late <= 0) {
        return 0;
    }
    if (!self->loss_told) {
        self->loss_told = true;
        radio_count(&self->base.late, 1);
    }
    return (uint64_t)n_late < n_samples ? (size_t)n_late : n_samples;
}

/* One packet at most; the first of a burst carries its time. */
static enum status send_packet(struct radio_uhd *self, const float _Complex *sample,
                               size_t n_samples, int64_t tick, size_t *n_taken)
{
    if (self->burst_open) {
        return push(self, sample, n_samples, &self->tx_follow, n_taken);
    }
    uhd_tx_metadata_handle first = NULL;
    int64_t full_s;
    double frac_s;
    uhd_time_of(self, self->tx_device, tick, &full_s, &frac_s);
    enum status status = ST_OK;
    *n_taken = 0;
    UHD_TRY(status, uhd_tx_metadata_make(&first, true, full_s, frac_s, true, false));
    if (!status) {
        status = push(self, sample, n_samples, &first, n_taken);
        if (*n_taken > 0) {
            self->burst_open = true;
            self->loss_told = false;
        }
    }
    UHD_FREE(uhd_tx_metadata_free, first);
    return status;
}

/* End the burst when it has lost its place: the device says so, or its time has passed unsent.
 *   out  self->ending: the device has still to take the end, nothing goes out before */
static enum status check_burst(struct radio_uhd *self, int64_t tick)
{
    const bool told = poll_messages(self);
    const bool broken = told || tick < radio_uhd_now((struct radio *)self);
    if (!self->burst_open || !(broken || self->ending)) {
        return ST_OK;
    }
    self->loss_told = told || (self->ending && self->loss_told);
    /* a device that plays on what it has would still be at the burst's end */
    const int64_t after = tick + 2 * UHD_END_SAMPLES;
    self->resume_tick = after > self->resume_tick ? after : self->resume_tick;
    return end_try(self);
}

enum status radio_uhd_send(struct radio *radio, const float _Complex *sample, size_t n_samples,
                           int64_t first_tick)
{
    struct radio_uhd *self = (struct radio_uhd *)radio;
    int64_t refused_ns = 0; /* since samples were taken last */
    enum status status = n_samples > 0 ? ST_OK : end_burst(self);
    while (n_samples > 0 && !status) {
        const int64_t begin_ns = uhd_host_ns();
        status = check_burst(self, first_tick);
        size_t n_done = self->burst_open ? 0 : drop_late(self, n_samples, first_tick);
        if (!status && n_done == 0 && !wait_lead(self, first_tick)) {
            status = end_burst(self);
            return status ? status : ST_STOPPED;
        }
        if (!status && n_done == 0 && !self->ending) {
            const size_t n =
                n_samples < self->tx_packet_samples ? n_samples : self->tx_packet_samples;
            status = send_packet(self, sample, n, first_tick, &n_done);
        }
        refused_ns = n_done ? 0 : refused_ns + uhd_waited_ns(begin_ns);
        if (!status && (double)refused_ns * 1e-9 > self->cfg.silence_s) {
            status = silence(self);
        }
        sample += n_done;
        n_samples -= n_done;
        first_tick += (int64_t)n_done;
    }
    return status;
}

void uhd_tx_end(struct radio_uhd *self)
{
    if (end_burst(self) && !is_dead(self)) { /* that has been said */
        log_error("%s", status_detail());
    }
    if (!self->tx || !self->message || is_dead(self)) {
        return;
    }
    bool valid = true; /* let the end of the burst reach the antenna */
    for (int k = 0; k < CLOSE_MESSAGES_MAX && valid; k++) {
        uhd_async_metadata_event_code_t event = 0;
        if (uhd_tx_streamer_recv_async_msg(self->tx, &self->message, 0.1, &valid)) {
            break;
        }
        uhd_async_metadata_event_code(self->message, &event);
        if (valid && event == UHD_ASYNC_METADATA_EVENT_CODE_BURST_ACK) {
            break;
        }
    }
}
