/* softusrp_tx.c - the transmit side of a channel. */
#include "tests/softusrp_tx.h"

#include <string.h>

#include "config/require.h"

#define SAMPLES_KEPT (TX_CAPACITY_BYTES / sizeof(uint32_t))
#define FULL_SCALE 32767.0f

void tx_init(struct tx_channel *tx, unsigned index, const struct tx_listener *listener)
{
    require(tx);
    require(listener);
    memset(tx, 0, sizeof *tx);
    tx->index = index;
    tx->listener = *listener;
    tx->last_nonzero_tick = INT64_MIN;
}

/* ---- bursts ---- */

static void burst_begin(struct tx_channel *tx)
{
    require(!tx->is_on);
    tx->is_on = true;
    tx->burst[tx->n_bursts++ % TX_BURSTS_KEPT] =
        (struct tx_burst){.first_tick = tx->next_tick, .ending = TX_OPEN};
}

static void burst_end(struct tx_channel *tx, enum tx_ending ending)
{
    require(tx->is_on);
    tx->is_on = false;
    struct tx_burst *burst = &tx->burst[(tx->n_bursts - 1) % TX_BURSTS_KEPT];
    burst->end_tick = tx->next_tick;
    burst->ending = ending;
}

void tx_reset(struct tx_channel *tx)
{
    if (tx->is_on) {
        burst_end(tx, TX_BY_RESET);
    }
    tx->n_packets = 0;
    tx->n_bytes = 0;
    tx->n_samples = 0;
    tx->n_played = 0;
    tx->is_dropping = false;
}

/* ---- the FIFO ---- */

void tx_push(struct tx_channel *tx, const struct chdr_data *data, size_t n_bytes)
{
    require(data);
    if (tx->n_packets == TX_CAPACITY_PACKETS || tx->n_samples + data->n_samples > SAMPLES_KEPT) {
        tx->n_packets_lost++; /* the host did not keep to its credits */
        return;
    }
    tx->n_packets_in++;
    const size_t n_wire_bytes = (n_bytes + 7) / 8 * 8; /* flow control counts words */
    tx->n_bytes += n_wire_bytes;
    tx->packet[(tx->first_packet + tx->n_packets++) % TX_CAPACITY_PACKETS] =
        (struct tx_packet){.is_timed = data->is_timed,
                           .end_of_burst = data->end_of_burst,
                           .time_ticks = data->time_ticks,
                           .n_samples = data->n_samples,
                           .n_bytes = n_wire_bytes};
    size_t at = (tx->first_sample + tx->n_samples) % SAMPLES_KEPT;
    const size_t n_straight =
        data->n_samples < SAMPLES_KEPT - at ? data->n_samples : SAMPLES_KEPT - at;
    memcpy(tx->sample + at, data->sample, n_straight * sizeof *tx->sample);
    memcpy(tx->sample, data->sample + n_straight,
           (data->n_samples - n_straight) * sizeof *tx->sample);
    tx->n_samples += data->n_samples;
}

static void pop(struct tx_channel *tx)
{
    const struct tx_packet packet = tx->packet[tx->first_packet];
    const size_t n_left = packet.n_samples - tx->n_played;
    tx->first_sample = (tx->first_sample + n_left) % SAMPLES_KEPT;
    tx->n_samples -= n_left;
    tx->n_played = 0;
    tx->first_packet = (tx->first_packet + 1) % TX_CAPACITY_PACKETS;
    tx->n_packets--;
    tx->n_bytes -= packet.n_bytes;
    tx->listener.consumed(tx->listener.context, tx->index, packet.n_bytes);
}

void tx_skip(struct tx_channel *tx, int64_t tick)
{
    require(tx_is_idle(tx));
    require(tick >= tx->next_tick);
    tx->next_tick = tick;
}

bool tx_is_idle(const struct tx_channel *tx)
{
    return tx->n_packets == 0 && !tx->is_on;
}

/* ---- playing ---- */

static void silence(struct tx_channel *tx, float _Complex *out, size_t n)
{
    memset(out, 0, n * sizeof *out);
    tx->next_tick += (int64_t)n;
}

static bool is_forced(const struct tx_channel *tx, enum tx_event event)
{
    return tx->listener.is_forced(tx->listener.context, event);
}

static void report(struct tx_channel *tx, enum tx_event event, int64_t tick)
{
    tx->listener.event(tx->listener.context, tx->index, event, tick);
}

/* Outside a burst: is it time for the first packet? It may be dropped instead.
 *   ret  ticks of silence before it, at most n; 0 with the burst on or the packet gone */
static size_t wait_for_burst(struct tx_channel *tx, size_t n)
{
    const struct tx_packet *packet = &tx->packet[tx->first_packet];
    if (tx->is_dropping) {
        tx->is_dropping = !packet->end_of_burst;
        pop(tx);
        return 0;
    }
    const int64_t start = packet->time_ticks - tx->time_offset_ticks;
    if (packet->is_timed && start > tx->next_tick) {
        const int64_t n_before = start - tx->next_tick;
        return n_before < (int64_t)n ? (size_t)n_before : n;
    }
    if (packet->is_timed && (start < tx->next_tick || is_forced(tx, TX_LATE))) {
        tx->n_late++;
        report(tx, TX_LATE, start);
        tx->is_dropping = !packet->end_of_burst;
        pop(tx);
        return 0;
    }
    burst_begin(tx);
    return 0;
}

static size_t play_packet(struct tx_channel *tx, float _Complex *out, size_t n)
{
    const struct tx_packet *packet = &tx->packet[tx->first_packet];
    size_t n_now = packet->n_samples - tx->n_played;
    n_now = n_now < n ? n_now : n;
    for (size_t k = 0; k < n_now; k++) {
        const uint32_t word = tx->sample[(tx->first_sample + k) % SAMPLES_KEPT];
        const float re = (float)(int16_t)(word & 0xffff);
        const float im = (float)(int16_t)(word >> 16);
        out[k] = (re + im * I) / FULL_SCALE;
        if (word != 0) {
            tx->last_nonzero_tick = tx->next_tick + (int64_t)k;
            tx->n_samples_on++;
        }
    }
    tx->first_sample = (tx->first_sample + n_now) % SAMPLES_KEPT;
    tx->n_samples -= n_now;
    tx->n_played += n_now;
    tx->next_tick += (int64_t)n_now;
    if (tx->n_played == packet->n_samples) {
        const bool is_last = packet->end_of_burst;
        pop(tx);
        if (is_last) {
            burst_end(tx, TX_BY_HOST);
            tx->n_acks++;
            report(tx, TX_BURST_ACK, tx->next_tick);
        }
    }
    return n_now;
}

static void run_dry(struct tx_channel *tx)
{
    burst_end(tx, TX_BY_UNDERFLOW);
    tx->n_underflows++;
    report(tx, TX_UNDERFLOW, tx->next_tick);
}

void tx_play(struct tx_channel *tx, float _Complex *out, size_t n)
{
    require(tx);
    require(out);
    for (size_t done = 0; done < n;) {
        if (tx->is_on && (tx->n_packets == 0 || is_forced(tx, TX_UNDERFLOW))) {
            run_dry(tx);
        } else if (tx->is_on) {
            done += play_packet(tx, out + done, n - done);
        } else {
            size_t n_silent = tx->n_packets == 0 ? n - done : wait_for_burst(tx, n - done);
            silence(tx, out + done, n_silent);
            done += n_silent;
        }
    }
}
