/* diagnose_run.c - counts since the last read, and the finding they lead to. */
#include "reader/diagnose_run.h"

#include <math.h>
#include <string.h>

#include "config/log.h"
#include "config/require.h"
#include "reader/reader_parts.h"

#define SILENCE_S 3.0
#define AGAIN_S 1.0

void diagnose_run_note(struct diagnose_run *run, const struct reply_result *result)
{
    run->has_line = result->trace.n_tones > 0;
    if (run->has_line) {
        run->line_hz = result->trace.tone[0].offset_hz;
    }
}

static void view_fill(const struct diagnose_run *run, const struct record_status *total,
                      struct diagnose_view *view)
{
    const struct record_status *start = &run->start;
    diagnose_view_init(view);
    for (int k = 0; k < SLOT_OUTCOME_N; k++) {
        view->outcome[k] = total->slots[k] - start->slots[k];
        view->n_slots += view->outcome[k];
    }
    for (int k = 0; k < REPLY_CAUSE_N; k++) {
        view->cause[k] = total->causes[k] - start->causes[k];
    }
    view->n_clipped = total->clipped - start->clipped;
    view->n_late = total->late - start->late;
    view->leak_dbfs = total->leak_dbfs;
    view->noise_dbfs = total->noise_dbfs;
    view->line_slot_hz = run->has_line ? run->line_hz : NAN;
}

bool diagnose_run_due(struct diagnose_run *run, const struct record_status *total, double t_s,
                      struct diagnose_view *view)
{
    require(view);
    if (!run->is_counting || total->reads != run->start.reads) {
        run->is_counting = true;
        run->start = *total;
        run->start_s = t_s;
        run->next_s = t_s + SILENCE_S;
        return false;
    }
    if (t_s < run->next_s) {
        return false;
    }
    run->next_s = t_s + AGAIN_S;
    view_fill(run, total, view);
    return true;
}

void diagnose_run_fill(struct reader *reader, struct diagnose_view *view)
{
    struct radio_about about;
    double p50_us, p99_us, max_us;
    double budget_us = reader->turnaround_ticks / reader->rate_sps * 1e6;
    view->real_time = radio_ops_of(reader->radio)->real_time;
    view->blf_hz = reader->link.blf_hz;
    view->t2_max_us = reader->link.t2_max_us;
    stats_turnaround_read(&reader->turnaround, &p50_us, &p99_us, &max_us);
    view->turnaround_us = view->real_time ? p99_us : budget_us;
    view->answer_us = view->real_time ? p99_us + reader->cfg.radio.tx_lead_us : budget_us;
    if (radio_describe(reader->radio, &about) == ST_OK) {
        view->ref_locked = about.ref_locked;
        view->lo_locked = about.lo_locked;
        view->tx_gain_db = about.tx_gain_db;
        view->tx_gain_max_db = about.tx_gain_max_db;
        view->rx_gain_db = about.rx_gain_db;
        view->rx_gain_min_db = about.rx_gain_min_db;
        view->rx_gain_max_db = about.rx_gain_max_db;
    }
}

bool diagnose_run_tell(struct diagnose_run *run, const struct diagnose_view *view)
{
    struct diagnose_finding finding[DIAGNOSE_N];
    size_t n = diagnose(view, finding);
    /* once tags have been read, silence alone may just mean that they are gone */
    bool may_be_gone = n > 0 && finding[0].id == DIAGNOSE_SILENT && run->start.reads > 0;
    if (n == 0 || may_be_gone || (run->n_told > 0 && run->told_id == (int)finding[0].id)) {
        return false;
    }
    run->n_told++;
    run->told_id = (int)finding[0].id;
    log_warning("nothing read for %.0f s: %s -> %s", run->next_s - AGAIN_S - run->start_s,
                finding[0].text, finding[0].advice);
    return true;
}
