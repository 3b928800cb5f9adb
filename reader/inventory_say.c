/* inventory_say.c - what the INVENTORY thread has to say: status, slots, rounds, commands. */
#include <math.h>
#include <string.h>

#include "reader/multiplex.h"

void inventory_say(struct inventory_state *state, struct record *record, double tick)
{
    record->t_s = tick / state->reader->rate_sps;
    reader_record(state->reader, record);
}

void inventory_say_status(struct inventory_state *state, enum record_type type, double tick)
{
    struct reader *reader = state->reader;
    struct record record = {.type = type, .status = state->totals};
    struct record_status *status = &record.status;
    struct radio_counters counters = radio_counters_read(reader->radio);
    double t_s = tick / reader->rate_sps;
    double span_s = type == RECORD_STATUS ? t_s - state->last_status_s : t_s;
    uint64_t before = type == RECORD_STATUS ? state->last_status_reads : 0;
    status->reads_per_s = span_s > 0.0 ? (double)(status->reads - before) / span_s : 0.0;
    status->unique = stats_tags_unique(state->tags);
    status->overflows = counters.overflows + atomic_load(&reader->dropped_blocks);
    status->underflows = counters.underflows;
    status->late += counters.late;
    status->read_latency_p50_ms = stats_percentile(&state->latency_ms, 0.50);
    status->read_latency_p99_ms = stats_percentile(&state->latency_ms, 0.99);
    status->duration_s = t_s;
    if (reader->multiplex && type == RECORD_SUMMARY) {
        status->has_tdma = true;
        multiplex_totals(reader->multiplex, &status->tdma);
    }
    stats_turnaround_read(&reader->turnaround, &status->turnaround_p50_us,
                          &status->turnaround_p99_us, &status->turnaround_max_us);
    stats_turnaround_read(&reader->silence, &status->silence_p50_us, &status->silence_p99_us,
                          &status->silence_max_us);
    status->dropped_events = atomic_load(&reader->dropped_records);
    status->cpu_ratio = reader_cpu_ratio(reader);
    inventory_say(state, &record, tick);
    state->last_status_s = t_s;
    state->last_status_reads = status->reads;
}

void inventory_say_status_due(struct inventory_state *state, int64_t tick)
{
    double t_s = (double)tick / state->reader->rate_sps;
    if (t_s >= state->next_status_s && !state->is_held) { /* a read is told before */
        inventory_say_failures(state, (double)tick, false);
        inventory_say_status(state, RECORD_STATUS, (double)tick);
        state->next_status_s = floor(t_s) + 1.0;
    }
}

void inventory_say_slot(struct inventory_state *state, double tick)
{
    const struct inventory_step *step = &state->step;
    if (step->slot.valid) {
        struct record record = {.type = RECORD_SLOT, .slot = state->quality};
        record.slot.outcome = step->slot.outcome;
        record.slot.round = step->slot.round;
        record.slot.slot = step->slot.slot;
        record.slot.q = step->slot.q;
        record.slot.has_rn16 = step->slot.has_rn16;
        record.slot.rn16 = step->slot.rn16;
        record.slot.traced = record.slot.detailed = state->reader->cfg.publish.trace;
        record_slot_count(&record.slot, &state->totals);
        state->quality.n_replies = 0;
        state->quality.clipped = false;
        state->totals.slots[step->slot.outcome]++;
        inventory_say(state, &record, tick);
    }
    if (step->ended_round.valid) {
        const struct inventory_round *round = &step->ended_round;
        struct record record = {.type = RECORD_ROUND};
        record.round = (struct record_round){
            .round = round->round,
            .slots = round->slots,
            .empty = round->empty,
            .single = round->single,
            .collision = round->collision,
            .q = round->q,
            .tags_estimated = round->tags_estimated,
            .duration_s = (tick - state->round_start_tick) / state->reader->rate_sps,
        };
        state->totals.rounds++;
        inventory_say(state, &record, tick);
    }
}

void inventory_say_command(struct inventory_state *state, const struct bitbuf *bits)
{
    struct record record = {.type = RECORD_COMMAND};
    record.command.command = state->step.command;
    record.command.decoded = record.command.crc_right = true;
    record.command.n_bits = bits->n_bits;
    size_t n = bits->n_bits < sizeof record.command.bit ? bits->n_bits : sizeof record.command.bit;
    memcpy(record.command.bit, bits->bit, n);
    const struct link *link = &state->reader->link;
    record.command.tari_us = link->tari_us;
    record.command.rtcal_us = link->rtcal_us;
    record.command.trcal_us =
        command_row(state->step.command.id)->with_preamble ? link->trcal_us : 0.0;
    inventory_say(state, &record, state->command_start_tick);
}
