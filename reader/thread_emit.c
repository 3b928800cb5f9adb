/* thread_emit.c - EMIT: a carrier, optionally with a trigger keyed onto it again and again. */
#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "reader/field.h"
#include "reader/guard.h"

/* The trigger is a QueryRep: four bits that wake envelope detectors and start no round. */
static void trigger_make(struct command_item *item)
{
    struct command command = {.id = COMMAND_QUERY_REP};
    static struct bitbuf bits;
    bits.n_bits = 0;
    enum status status = command_encode(&command, &bits);
    require(status == ST_OK);
    memset(item, 0, sizeof *item);
    item->n_bits = bits.n_bits;
    memcpy(item->bit, bits.bit, bits.n_bits);
}

static void emit_wait(struct reader *reader, int64_t until_tick)
{
    while (!atomic_load(&reader->stop_asked) && !reader_is_deserted(reader) &&
           atomic_load(&reader->tx_sent_tick) < until_tick) {
        unsigned seen = bell_read(&reader->bell_inventory);
        bell_wait(&reader->bell_inventory, seen, 10);
    }
}

static void summary_record(struct reader *reader, uint64_t n_triggers)
{
    struct record record = {.type = RECORD_SUMMARY};
    struct record_status *status = &record.status;
    struct radio_counters counters = radio_counters_read(reader->radio);
    int64_t sent_tick = atomic_load(&reader->tx_sent_tick);
    record.t_s = (double)sent_tick / reader->rate_sps;
    *status = (struct record_status){
        .overflows = counters.overflows + atomic_load(&reader->dropped_blocks),
        .underflows = counters.underflows,
        .late = counters.late,
        .leak_dbfs = NAN,
        .residual_dbfs = NAN,
        .noise_dbfs = NAN,
        .read_latency_p50_ms = NAN,
        .read_latency_p99_ms = NAN,
        .duration_s = record.t_s,
        .turnaround_p50_us = NAN,
        .turnaround_p99_us = NAN,
        .turnaround_max_us = NAN,
        .silence_p50_us = NAN,
        .silence_p99_us = NAN,
        .silence_max_us = NAN,
        .dropped_events = atomic_load(&reader->dropped_records),
        .cpu_ratio = reader_cpu_ratio(reader),
        .has_emission = true,
        .triggers = n_triggers,
        .on_s = (double)emission_on_ticks(reader->emission) / reader->rate_sps,
        .level_db = emission_level_db(reader->emission, sent_tick),
    };
    reader_record(reader, &record);
}

/* Key triggers until the carrier goes off or the run ends.   ret  when the next one is due */
static double triggers_send(struct reader *reader, struct command_item *item, double next,
                            int64_t until)
{
    double period = reader->cfg.emit.trigger_period_s * reader->rate_sps;
    double room =
        units_ticks_from_us(link_command_us(&reader->link, item->bit, item->n_bits, false),
                            reader->rate_sps) +
        (double)(tx_shape_ramp_ticks(reader->shape) + tx_shape_lead_ticks(reader->shape));
    while (!atomic_load(&reader->stop_asked) && next + room < (double)until) {
        item->start_tick = ceil(next);
        item->id++;
        reader_push_wait(reader, &reader->commands, item);
        next += period;
        int64_t horizon = (int64_t)next - tx_shape_lead_ticks(reader->shape) - 2;
        horizon = horizon < until ? horizon : until;
        atomic_store(&reader->tx_horizon_tick, horizon);
        bell_ring(&reader->bell_tx);
        emit_wait(reader, (int64_t)item->start_tick);
    }
    return next;
}

/* Until the end of the run, from cell to cell of the plan.   ret  triggers sent */
static uint64_t emit_loop(struct reader *reader, int64_t end)
{
    struct field field;
    struct command_item item;
    double period = reader->cfg.emit.trigger_period_s * reader->rate_sps;
    double next = period;
    field_begin(&field, reader);
    trigger_make(&item);
    for (;;) {
        int64_t until = field.cell.off_tick < end ? field.cell.off_tick : end;
        if (isfinite(period)) {
            double ready = field.cell.on_tick > 0 ? field_ready_tick(&field) : 0.0;
            next += next < ready ? ceil((ready - next) / period) * period : 0.0;
            next = triggers_send(reader, &item, next, until);
        }
        atomic_store(&reader->tx_horizon_tick, until);
        bell_ring(&reader->bell_tx);
        emit_wait(reader, until);
        if (until == end || atomic_load(&reader->stop_asked) || reader_is_deserted(reader)) {
            return item.id;
        }
        enum status status = field_move(&field, (double)until);
        if (status) {
            if (status != ST_STOPPED) {
                reader_fail(reader, status);
            }
            return item.id;
        }
    }
}

void *thread_emit(void *argument)
{
    struct reader *reader = argument;
    double duration_s = reader->cfg.run.duration_s;
    int64_t end = isfinite(duration_s) ? (int64_t)(duration_s * reader->rate_sps) : INT64_MAX;
    reader_thread_name("zp-emit");
    watchdog_join(&reader->watchdog, GUARD_DECIDE, "the emitter (EMIT thread)");
    uint64_t n_triggers = emit_loop(reader, end);
    int64_t off = atomic_load(&reader->stop_asked) ? 0 : end;
    reader_wind_up(reader, off);
    summary_record(reader, n_triggers);
    struct record_item last = {.over = true};
    reader_push_wait(reader, &reader->records, &last);
    watchdog_leave();
    return NULL;
}
