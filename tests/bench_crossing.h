/* bench_crossing.h - Eb/N0 at which receiver and bound meet a packet error rate, both on the very
 * same draws and noise, so that the gap is known better than either.              layer: tests */
#ifndef TESTS_BENCH_CROSSING_H
#define TESTS_BENCH_CROSSING_H

#include "tests/bench.h"
#include "tests/bench_window.h"

struct crossing_request {
    struct bench_run *run;
    const struct bench_scene *scene;
    struct reply_rx *rx; /* NULL: the bound alone */
    bool with_bound;
    double per;
    double start_db;      /* where to begin to look, over the theory's bound */
    unsigned long errors; /* to count at the last point, of each */
};

struct crossing {
    double rx_db, bound_db; /* NaN: not met, or not asked for */
    unsigned long n, rx_errors, bound_errors;
    double rx_sigma_db, gap_sigma_db; /* standard deviations of rx_db and of rx_db - bound_db */
};

/*   out 0, or 1 when counting failed */
int crossing_find(const struct crossing_request *request, struct crossing *crossing);

/* PER at one Eb/N0, until both have `errors` or n_max trials are done; bound_db: the bound's own. */
int crossing_count(const struct crossing_request *request, double rx_db, double bound_db,
                   unsigned long errors, unsigned long n_max, double counter[]);

enum { CROSSING_N, CROSSING_RX, CROSSING_BOUND, CROSSING_BOTH };

/* limits.md section 1 (data): 10 % and 1 % PER of the ML sequence bound. NaN: not in the sheet. */
double crossing_sheet_db(unsigned m, size_t n_bits, double per);

#endif
