/* diagnose_run.h - a running inventory that reads nothing for a while says why it thinks that is: the
 * worst finding, once, and again when it changes.                              layer: reader */
#ifndef READER_DIAGNOSE_RUN_H
#define READER_DIAGNOSE_RUN_H

#include "reader/diagnose.h"
#include "reader/record.h"

struct diagnose_run { /* embedded; all zero is the start of a run */
    bool is_counting;
    struct record_status start; /* totals when the silence began */
    double start_s, next_s;
    double line_hz; /* another carrier, as the newest window showed it */
    bool has_line;
    int n_told, told_id; /* told_id counts when n_told > 0 */
};

/* A window is over. */
void diagnose_run_note(struct diagnose_run *run, const struct reply_result *result);

/* After each slot, with the totals so far at t_s of the sample clock.
 *   out true: nothing was read for long enough; view holds what was counted since, all else of it is
 *       the caller's to fill before diagnose_run_tell */
bool diagnose_run_due(struct diagnose_run *run, const struct record_status *total, double t_s,
                      struct diagnose_view *view);

struct reader;
/* What a run knows beside its counts. Asks the device for its sensors, which may take a while: there
 * is nothing to be late for.   INVENTORY only */
void diagnose_run_fill(struct reader *reader, struct diagnose_view *view);

/* Log the worst finding of the view unless it was the last one told.   out it was logged */
bool diagnose_run_tell(struct diagnose_run *run, const struct diagnose_view *view);

#endif
