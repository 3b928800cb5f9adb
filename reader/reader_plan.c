/* reader_plan.c - what is decided before any memory is taken: rate, turnaround, slot durations, and
 * whether the radio may do what is asked of it. */
#include <math.h>

#include "config/log.h"
#include "config/units.h"
#include "reader/reader_parts.h"

#define SAMPLES_PER_TPRI_WANTED 12.0
#define SAMPLES_PER_TPRI_LEAST 4.0
#define LISTEN_RATE_MIN_SPS 4e5
#define LEAST_STEP_TICKS 4.0 /* by which the clock of a lock-step radio advances at least */
#define TURNAROUND_AUTO_US 100.0
#define TURNAROUND_AUTO_T2_RATIO 0.6

double reader_rate_for(double blf_hz)
{
    static const double rates_sps[] = {2e6, 4e6, 8e6, 10e6, 20e6};
    size_t n = sizeof rates_sps / sizeof *rates_sps;
    for (size_t k = 0; k < n; k++) {
        if (rates_sps[k] >= SAMPLES_PER_TPRI_WANTED * blf_hz) {
            return rates_sps[k];
        }
    }
    return rates_sps[n - 1];
}

struct slot_times reader_slot_times(const struct link *link, double turnaround_us)
{
    struct slot_end end = slot_end_of(link, NAN, turnaround_us);
    return slot_times_of(link, turnaround_us, end.next_us - link->t1_max_us);
}

double reader_turnaround_us(const struct run_cfg *run, const struct link *link)
{
    return isnan(run->turnaround_us)
               ? fmin(TURNAROUND_AUTO_US, TURNAROUND_AUTO_T2_RATIO * link->t2_max_us)
               : run->turnaround_us;
}

/* On a radio without a clock of its own the horizon must outrun a block and an edge.
 *   in   what  the budget's name where it was asked for, else NULL
 *   ret  the budget as it can be kept, ticks */
static double budget_ticks(const struct reader *r, const char *what, double budget_us)
{
    double ticks = budget_us * 1e-6 * r->rate_sps;
    double block = r->radio ? (double)radio_tx_block_samples(r->radio) : 0.0;
    double least = block + LEAST_STEP_TICKS + r->edge_ticks;
    if (radio_table[r->cfg.radio.kind]->real_time || ticks >= least) {
        return ticks;
    }
    if (!what) {
        return least;
    }
    log_info("%s raised from %.1f to %.1f us: a block and an edge of the radio", what, budget_us,
             units_us_from_ticks(least, r->rate_sps));
    return least;
}

/* How slots end with this host and radio; their durations are the policy's weights. */
static void slots_set(struct reader *r)
{
    const struct link *link = &r->link;
    double turnaround_us = units_us_from_ticks(r->turnaround_ticks, r->rate_sps);
    r->slot_end = slot_end_of(link, r->cfg.run.silence_us, turnaround_us);
    const char *what = isnan(r->cfg.run.silence_us) ? NULL : "timing.silence_us";
    double ticks = budget_ticks(r, what, r->slot_end.silence_us);
    r->slot_end = slot_end_of(link, units_us_from_ticks(ticks, r->rate_sps), turnaround_us);
    r->cfg.inventory.times =
        slot_times_of(link, turnaround_us, r->slot_end.next_us - link->t1_max_us);
}

void reader_timing_set(struct reader *r)
{
    double turnaround_us = reader_turnaround_us(&r->cfg.run, &r->link);
    if (turnaround_us > r->link.t2_max_us) {
        log_warning("timing.turnaround_us = %g us is more than T2 max = %g us at this BLF: every "
                    "acknowledgement will be late; use a lower BLF or a shorter turnaround",
                    turnaround_us, r->link.t2_max_us);
    }
    r->edge_ticks = (double)tx_shape_link_lead_ticks(r->shape, &r->link);
    r->turnaround_ticks = budget_ticks(r, "turnaround", turnaround_us);
    slots_set(r);
}

enum status reader_radio_plan(struct reader *r)
{
    struct radio_cfg *radio = &r->cfg.radio;
    bool listens = r->cfg.mode == READER_LISTEN;
    if (isnan(radio->rate_sps) && radio_table[radio->kind]->can_transmit) {
        radio->rate_sps = reader_rate_for(r->link.blf_hz);
    }
    radio->block_hint_us = fmin(50.0, 3.0 * r->link.tpri_us);
    const struct radio_ops *ops = radio_table[radio->kind];
    if (!ops->can_transmit && !listens) {
        return status_fail(ST_USAGE,
                           "radio '%s' cannot transmit; use 'zpreader decode FILE' for "
                           "recordings, or bistatic.mode listen",
                           ops->name);
    }
    if (listens) {
        return ST_OK;
    }
    double peak_ratio = 1.0; /* power is reckoned with what all tones reach together */
    enum status status = ST_OK;
    if (r->cfg.mode == READER_EMIT) {
        r->emission_cfg.amplitude = r->cfg.tx.amplitude;
        r->emission_cfg.ramp_us = r->cfg.tx.ramp_us;
        status = emit_plan(&r->cfg.emit, &r->cfg.bistatic, &r->emission_cfg, &r->plan_offset_s);
        peak_ratio = emission_peak_ratio(&r->emission_cfg);
    }
    double amplitude = r->cfg.tx.amplitude * peak_ratio;
    status =
        status ? status : plan_make(&r->cfg.plan, r->cfg.run.region, amplitude, radio, &r->plan);
    return status ? status : emit_tones_check(&r->emission_cfg, r->cfg.run.region, radio->freq_hz);
}

enum status reader_rate_check(const struct reader *r)
{
    if (r->cfg.mode == READER_LISTEN) {
        return r->rate_sps >= LISTEN_RATE_MIN_SPS
                   ? ST_OK
                   : status_fail(ST_RANGE,
                                 "radio.rate_sps = %g S/s, accepted from %g on: fewer "
                                 "samples do not hold a reader's commands",
                                 r->rate_sps, LISTEN_RATE_MIN_SPS);
    }
    if (r->rate_sps < SAMPLES_PER_TPRI_LEAST * r->link.blf_hz) {
        return status_fail(ST_USAGE,
                           "radio.rate_sps = %g S/s gives %.1f samples per Tpri at BLF %g Hz; at "
                           "least %g are needed (%g S/s)",
                           r->rate_sps, r->rate_sps / r->link.blf_hz, r->link.blf_hz,
                           SAMPLES_PER_TPRI_LEAST, SAMPLES_PER_TPRI_LEAST * r->link.blf_hz);
    }
    return ST_OK;
}
