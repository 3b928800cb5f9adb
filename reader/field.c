/* field.c - carrier on, carrier off, and what changes in between. */
#include "reader/field.h"

#include <math.h>
#include <string.h>

#include "config/require.h"

#define CARRIER_SETTLE_US 1500.0 /* Gen2 6.3.1.2.6: no command before */
#define REPLY_BITS_FIRST 128     /* PC, 96 bits of EPC, CRC-16 */

static double ticks_of_us(const struct reader *reader, double us)
{
    return us * 1e-6 * reader->rate_sps;
}

double field_opening_ticks(const struct reader *reader)
{
    return ticks_of_us(reader, 2.0 * reader->cfg.tx.ramp_us + CARRIER_SETTLE_US);
}

/* Query, RN16, all ACKs with their answers, NAK: each at its longest. */
static double slot_ticks(const struct reader *reader, size_t n_reply_bits)
{
    static const uint8_t ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                   1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const struct link *link = &reader->link;
    double n_acks = 1.0 + (double)reader->cfg.inventory.ack_retries;
    double slow = 1.0 / (1.0 - link->frt_ratio);
    double turn_us = fmax(link->t2_max_us, reader->turnaround_ticks * 1e6 / reader->rate_sps);
    double query_us = link_command_us(link, ones, 22, true) + link->t1_max_us +
                      slow * link_reply_us(link, 16, link->trext) + turn_us;
    double ack_us = link_command_us(link, ones, 18, false) + link->t1_max_us +
                    slow * link_reply_us(link, n_reply_bits, link->trext) + turn_us;
    double nak_us = link_command_us(link, ones, 8, false) + link->t4_min_us;
    return ticks_of_us(reader, query_us + n_acks * ack_us + nak_us);
}

static double end_tick(const struct field *field)
{
    return (double)(field->cell.off_tick - tx_shape_ramp_ticks(field->reader->shape));
}

enum status field_check(const struct reader *reader)
{
    struct hop_cell cell;
    if (!reader->plan.changes || reader->cfg.mode != READER_INVENTORY) {
        return ST_OK;
    }
    hop_cell_at(&reader->plan.hop, 1, &cell);
    double have = (double)(cell.off_tick - cell.on_tick - tx_shape_ramp_ticks(reader->shape));
    double need = field_opening_ticks(reader) + slot_ticks(reader, REPLY_BITS_FIRST);
    if (have >= need) {
        return ST_OK;
    }
    return status_fail(ST_USAGE,
                       "the carrier is on for %.4g ms at a time, a slot of this link takes up to "
                       "%.4g ms: longer radio.hop_dwell_s, "
                       "radio.antenna_dwell_s or, with tdma.own, units",
                       have * 1e3 / reader->rate_sps, need * 1e3 / reader->rate_sps);
}

static void carrier_ask(struct reader *reader, int64_t tick, bool on)
{
    struct carrier_item item = {.tick = tick, .on = on};
    reader_push_wait(reader, &reader->carriers, &item);
}

/* The carrier of a cell, both ends. */
static void cell_ask(struct reader *reader, const struct hop_cell *cell)
{
    carrier_ask(reader, cell->on_tick, true);
    if (cell->off_tick != INT64_MAX) {
        carrier_ask(reader, cell->off_tick - tx_shape_ramp_ticks(reader->shape), false);
    }
}

void field_open(struct reader *reader)
{
    struct hop_cell cell;
    hop_cell_at(&reader->plan.hop, 0, &cell);
    cell_ask(reader, &cell);
}

void field_begin(struct field *field, struct reader *reader)
{
    require(field);
    field->reader = reader;
    field->n_reply_bits = REPLY_BITS_FIRST;
    hop_cell_at(&reader->plan.hop, 0, &field->cell);
}

double field_ready_tick(const struct field *field)
{
    return ceil((double)field->cell.on_tick + field_opening_ticks(field->reader));
}

bool field_has_room(const struct field *field, double tick)
{
    return field->cell.off_tick == INT64_MAX ||
           tick + slot_ticks(field->reader, field->n_reply_bits) <= end_tick(field);
}

bool field_lasts(const struct field *field, double tick)
{
    return field->cell.off_tick == INT64_MAX || tick <= end_tick(field);
}

void field_learn(struct field *field, size_t n_bits)
{
    field->n_reply_bits = n_bits > field->n_reply_bits ? n_bits : field->n_reply_bits;
}

/* First tick that can still be planned: on a real-time radio what is ahead of the device is sent
 * already. */
static int64_t plannable_tick(struct reader *reader, int64_t tick)
{
    if (!radio_ops_of(reader->radio)->real_time) {
        return tick;
    }
    double lead = reader->cfg.radio.tx_lead_us * 1e-6 * reader->rate_sps;
    int64_t soonest = radio_now(reader->radio) + (int64_t)lead;
    return tick > soonest ? tick : soonest;
}

/* The next cell with room for anything, entered no earlier than from_tick. */
static void cell_choose(struct field *field, int64_t from_tick)
{
    const struct hop *hop = &field->reader->plan.hop;
    struct hop_cell *cell = &field->cell;
    double least = field_opening_ticks(field->reader);
    least += field->reader->cfg.mode == READER_INVENTORY
                 ? slot_ticks(field->reader, REPLY_BITS_FIRST)
                 : 0.0;
    int64_t index = cell->index;
    do {
        hop_cell_at(hop, ++index, cell);
        int64_t late = from_tick - cell->set_tick;
        cell->set_tick += late > 0 ? late : 0;
        cell->on_tick += late > 0 ? late : 0;
    } while (end_tick(field) - (double)cell->on_tick < least);
}

static enum status cell_set(struct reader *reader, const struct hop_cell *before,
                            const struct hop_cell *cell)
{
    const struct plan_antenna *antenna = &reader->plan.antenna[cell->antenna];
    struct radio_setting setting = {.freq_hz = NAN, .tx_gain_db = NAN, .rx_gain_db = NAN};
    bool changed = false;
    /* NaN: the radio's own frequency, which stays */
    if (!isnan(cell->freq_hz) && cell->freq_hz != before->freq_hz) {
        setting.freq_hz = cell->freq_hz;
        changed = true;
    }
    if (cell->antenna != before->antenna) {
        memcpy(setting.tx_antenna, antenna->tx, sizeof antenna->tx);
        memcpy(setting.rx_antenna, antenna->rx, sizeof antenna->rx);
        changed = true;
    }
    if (!changed) {
        return ST_OK;
    }
    watchdog_leave(); /* a slow device: the carrier is off, and goes on by nothing but us */
    enum status status = radio_set(reader->radio, &setting, cell->set_tick);
    watchdog_return();
    return status;
}

enum status field_move(struct field *field, double tick)
{
    struct reader *reader = field->reader;
    const struct hop_cell before = field->cell;
    int64_t from_tick = (int64_t)ceil(tick);
    carrier_ask(reader, from_tick, false);
    from_tick += tx_shape_ramp_ticks(reader->shape);
    while (!atomic_load(&reader->stop_asked)) {
        cell_choose(field, plannable_tick(reader, from_tick));
        if ((double)field->cell.on_tick >= reader->cfg.run.duration_s * reader->rate_sps) {
            break; /* not once more on for nothing; without a duration never */
        }
        enum status status = cell_set(reader, &before, &field->cell);
        if (status) {
            return status;
        }
        /* a device may have taken its time over it */
        int64_t on_tick = plannable_tick(reader, field->cell.on_tick);
        double late = (double)(on_tick - field->cell.on_tick);
        field->cell.on_tick = on_tick;
        if (late <= 0.0 || end_tick(field) - (double)on_tick >= field_opening_ticks(reader)) {
            cell_ask(reader, &field->cell);
            return ST_OK;
        }
    }
    return status_fail(ST_STOPPED, "the run ends between two turns of the carrier");
}

const char *field_antenna(const struct field *field)
{
    return field->reader->plan.antenna[field->cell.antenna].name;
}
