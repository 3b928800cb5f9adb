/* radio_uhd_rx.c - the receive thread's part of a USRP: packets -> blocks with their ticks. */
#include <stdio.h>
#include <string.h>

#include "config/log.h"
#include "config/units.h"
#include "radio/radio_uhd_parts.h"

#define START_DELAY_S 0.2 /* settings and both first packets must reach the device before tick 0 */
#define TX_CLOCK_PERIOD_NS 1000000000
#define BEHIND_PACKETS 4

enum status uhd_rx_start(struct radio_uhd *self)
{
    enum status status = uhd_origin_set(self, START_DELAY_S);
    uhd_stream_cmd_t command = {.stream_mode = UHD_STREAM_MODE_START_CONTINUOUS,
                                .stream_now = false};
    const int64_t delay_ticks = units_ticks_from_us(self->cfg.delay_us, self->base.rate_sps);
    uhd_time_of(self, self->rx_device, delay_ticks, &command.time_spec_full_secs,
                &command.time_spec_frac_secs);
    UHD_TRY(status, uhd_rx_streamer_issue_stream_cmd(self->rx, &command));
    self->streaming = status == ST_OK;
    return status;
}

/* Count what is no sample.   ret  ST_OK: go on receiving */
static enum status rx_verdict(struct radio_uhd *self, uhd_rx_metadata_error_code_t code)
{
    bool out_of_sequence = false;
    switch (code) {
    case UHD_RX_METADATA_ERROR_CODE_NONE:
    case UHD_RX_METADATA_ERROR_CODE_TIMEOUT: return ST_OK;
    case UHD_RX_METADATA_ERROR_CODE_OVERFLOW:
        uhd_rx_metadata_out_of_sequence(self->rx_about, &out_of_sequence);
        radio_count(out_of_sequence ? &self->base.sequence_errors : &self->base.overflows, 1);
        return ST_OK;
    case UHD_RX_METADATA_ERROR_CODE_BAD_PACKET:
    case UHD_RX_METADATA_ERROR_CODE_ALIGNMENT:
        radio_count(&self->base.sequence_errors, 1);
        return ST_OK;
    case UHD_RX_METADATA_ERROR_CODE_LATE_COMMAND:
        return status_fail(ST_IO,
                           "uhd: the start command reached the device too late (host busy "
                           "for more than %g s)",
                           START_DELAY_S);
    default: return uhd_dead(self, self->rx_device, "its receive stream is broken");
    }
}

/* Place of the samples that came with rx_about.   ret  false: it does not say */
static bool rx_tick(const struct radio_uhd *self, int64_t *tick)
{
    int64_t full_s = 0;
    double frac_s = 0;
    bool has_time = false;
    size_t offset = 0; /* the rest of a packet follows its beginning */
    uhd_rx_metadata_fragment_offset(self->rx_about, &offset);
    uhd_rx_metadata_has_time_spec(self->rx_about, &has_time);
    has_time = has_time && offset == 0;
    if (has_time) {
        uhd_rx_metadata_time_spec(self->rx_about, &full_s, &frac_s);
        *tick = uhd_tick_of(self, self->rx_device, full_s, frac_s) -
                units_ticks_from_us(self->cfg.delay_us, self->base.rate_sps);
    }
    return has_time;
}

/* The device clock as a tick of the receive stream. */
static int64_t rx_now(const struct radio_uhd *self)
{
    return uhd_clock_now(&self->rx_device->clock, uhd_host_ns()) -
           units_ticks_from_us(self->cfg.delay_us, self->base.rate_sps);
}

/* A sample was heard, so the device clock has passed its tick. */
static void rx_clock_see(struct radio_uhd *self)
{
    const int64_t delay_ticks = units_ticks_from_us(self->cfg.delay_us, self->base.rate_sps);
    uhd_clock_see(&self->rx_device->clock, uhd_host_ns(), self->rx_next_tick + delay_ticks);
}

/* Ask a device for its time where nothing received tells. */
static enum status clock_ask(struct radio_uhd *self, struct uhd_device *device)
{
    int64_t full_s, before_ns, after_ns;
    double frac_s;
    enum status status = uhd_time_read(device, &full_s, &frac_s, &before_ns, &after_ns);
    if (!status) {
        uhd_clock_see(&device->clock, after_ns, uhd_tick_of(self, device, full_s, frac_s));
    }
    return status;
}

/* Two devices on clocks of their own: nothing heard tells of the transmitter's. */
static enum status tx_clock_see(struct radio_uhd *self)
{
    if (!self->base.clocks_are_apart || uhd_host_ns() < self->tx_clock_due_ns) {
        return ST_OK;
    }
    self->tx_clock_due_ns = uhd_host_ns() + TX_CLOCK_PERIOD_NS;
    return clock_ask(self, self->tx_device);
}

/* A packet, or nothing for UHD_POLL_S.   in  n_before  samples of the block that are there */
static enum status rx_packet(struct radio_uhd *self, struct iq_block *block, size_t n_before,
                             size_t *n_samples)
{
    void *buffers[LIMIT_RX_CHANNELS];
    for (unsigned c = 0; c < LIMIT_RX_CHANNELS; c++) {
        buffers[c] = c < block->n_channels ? block->sample[c] + n_before : NULL;
    }
    uhd_rx_metadata_error_code_t code = UHD_RX_METADATA_ERROR_CODE_NONE;
    enum status status = ST_OK;
    *n_samples = 0;
    UHD_TRY(status, uhd_rx_streamer_recv(self->rx, buffers, block->capacity_samples - n_before,
                                         &self->rx_about, UHD_POLL_S, true, n_samples));
    UHD_TRY(status, uhd_rx_metadata_error_code(self->rx_about, &code));
    return status ? uhd_dead(self, self->rx_device, status_detail()) : rx_verdict(self, code);
}

/* Gather what has already come, so that a receive thread that was held up catches up in few blocks.
 * UHD reports a loss in a call of its own; samples out of place without one are left out. */
static enum status rx_gather(struct radio_uhd *self, struct iq_block *block)
{
    const size_t n_packet = block->n_samples;
    const int64_t behind_ticks = BEHIND_PACKETS * (int64_t)n_packet;
    enum status status = ST_OK;
    size_t n_more = 1;
    while (!status && n_more > 0 && block->n_samples + n_packet <= block->capacity_samples &&
           rx_now(self) - self->rx_next_tick > behind_ticks) {
        status = rx_packet(self, block, block->n_samples, &n_more);
        int64_t tick = self->rx_next_tick;
        if (n_more > 0 && rx_tick(self, &tick) && tick != self->rx_next_tick) {
            radio_count(&self->base.sequence_errors, 1);
            return status;
        }
        block->n_samples += n_more;
        self->rx_next_tick += (int64_t)n_more;
        rx_clock_see(self);
    }
    return status;
}

/* Give the block its place; samples of ticks that have passed (a packet overtaken by others) are left
 * out.   out  block->n_samples 0: nothing is left */
static enum status rx_place(struct radio_uhd *self, struct iq_block *block)
{
    int64_t tick = self->rx_next_tick;
    if (!rx_tick(self, &tick)) {
        tick = self->rx_next_tick;
    }
    const int64_t n_old = self->rx_next_tick - tick;
    if (n_old > 0) {
        radio_count(&self->base.sequence_errors, 1);
        const size_t n_left =
            (uint64_t)n_old < block->n_samples ? block->n_samples - (size_t)n_old : 0;
        for (unsigned c = 0; c < block->n_channels && n_left > 0; c++) {
            memmove(block->sample[c], block->sample[c] + n_old, n_left * sizeof *block->sample[c]);
        }
        block->n_samples = n_left;
        tick = self->rx_next_tick;
    }
    block->first_tick = tick;
    block->gap_samples = tick - self->rx_next_tick;
    if (block->n_samples == 0) {
        return ST_OK;
    }
    self->rx_next_tick = tick + (int64_t)block->n_samples;
    self->heard = true;
    rx_clock_see(self);
    return rx_gather(self, block);
}

static int64_t patience_ns(struct radio_uhd *self)
{
    const int64_t until = self->heard ? 0 : -rx_now(self); /* the stream begins at tick 0 */
    return (int64_t)(self->cfg.silence_s * 1e9) +
           uhd_clock_host_ns(&self->rx_device->clock, until > 0 ? until : 0);
}

enum status radio_uhd_recv(struct radio *radio, struct iq_block *block)
{
    struct radio_uhd *self = (struct radio_uhd *)radio;
    const int64_t patient_ns = patience_ns(self);
    int64_t waited_ns = 0;
    enum status status = tx_clock_see(self);
    while (!status) {
        if (radio_stop_asked(&self->base)) {
            return ST_STOPPED;
        }
        const int64_t begin_ns = uhd_host_ns();
        status = rx_packet(self, block, 0, &block->n_samples);
        if (!status && block->n_samples > 0) {
            status = rx_place(self, block);
        }
        if (!status && block->n_samples > 0) {
            return ST_OK;
        }
        /* the transmitter is about to start by this clock; a device that is slow to tell its time is given as long as
         * its samples are */
        enum status asked = !status && !self->heard ? clock_ask(self, self->rx_device) : ST_OK;
        waited_ns += uhd_waited_ns(begin_ns);
        if (!status && waited_ns >= patient_ns) {
            if (asked) {
                return uhd_dead(self, self->rx_device, status_detail());
            }
            char why[96];
            snprintf(why, sizeof why, "no receive samples for %g s (radio.uhd.silence_s)",
                     self->cfg.silence_s);
            status = uhd_dead(self, self->rx_device, why);
        }
    }
    return status;
}

void uhd_rx_end(struct radio_uhd *self)
{
    if (!self->streaming || atomic_load_explicit(&self->dead, memory_order_relaxed)) {
        return;
    }
    uhd_stream_cmd_t command = {.stream_mode = UHD_STREAM_MODE_STOP_CONTINUOUS, .stream_now = true};
    if (uhd_status(uhd_rx_streamer_issue_stream_cmd(self->rx, &command), "stop receiving")) {
        log_warning("%s", status_detail());
    }
    self->streaming = false;
}
