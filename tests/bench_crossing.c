/* bench_crossing.c - pilot runs, then one long run close to the crossing. */
#include "tests/bench_crossing.h"

#include <math.h>
#include <string.h>

#include "tests/bench_count.h"

enum { STAGES_MAX = 14 };
#define CLOSE_DB 0.2     /* a last run nearer than this needs no other */
#define HOPELESS_PER 0.9 /* above, the theory's curve says nothing of where to go */
#define HOPELESS_STEP_DB 3.0
#define FARTHEST_DB 45.0
#define SLOPE_APART_DB 0.8
#define SLOPE_REACH_DB 4.0
#define SLOPE_MIN 0.4 /* fading */
#define SLOPE_MAX 3.0 /* a list decoder's curve falls faster */

struct counting {
    const struct bench_scene *scene;
    struct reply_rx *rx;
    double rx_db, bound_db; /* NaN: not run */
};

static struct bench_window window; /* of this process */

static void window_trial(void *context, uint64_t index, double *counter)
{
    const struct counting *counting = context;
    struct reply_result result;
    bench_window_draw(&window, counting->scene, 1 + index * 0xD1342543DE82EF95u);
    bool rx_wrong = !isnan(counting->rx_db) &&
                    !bench_window_receive(&window, counting->rx_db, counting->rx, &result);
    bool bound_wrong =
        !isnan(counting->bound_db) && !bench_window_bound(&window, counting->bound_db);
    counter[CROSSING_N] += 1.0;
    counter[CROSSING_RX] += rx_wrong;
    counter[CROSSING_BOUND] += bound_wrong;
    counter[CROSSING_BOTH] += rx_wrong && bound_wrong;
}

int crossing_count(const struct crossing_request *request, double rx_db, double bound_db,
                   unsigned long errors, unsigned long n_max, double counter[])
{
    struct counting counting = {request->scene, request->rx, rx_db, bound_db};
    uint64_t first = 0, batch = (uint64_t)((double)errors / request->per / 4.0) + 32;
    memset(counter, 0, BENCH_COUNTERS * sizeof *counter);
    while (first < n_max) {
        if (bench_count(request->run, window_trial, &counting, first, batch, counter)) {
            return 1;
        }
        first += batch;
        if ((isnan(rx_db) || counter[CROSSING_RX] >= (double)errors) &&
            (isnan(bound_db) || counter[CROSSING_BOUND] >= (double)errors)) {
            break;
        }
    }
    return 0;
}

/* Points looked at so far. A PER is kept as the Eb/N0 at which the theory has it: straight lines
 * then, of slope 1 where the receiver's curve has the theory's shape. */
struct search {
    size_t n;
    double ebn0_db[STAGES_MAX], theory_db[STAGES_MAX];
};

/* Slope to the nearest of the earlier points that lies far enough away to tell one. */
static double slope_at(const struct search *search, double ebn0_db, double theory_db)
{
    double nearest_db = SLOPE_REACH_DB, slope = 1.0;
    for (size_t k = 0; k < search->n; k++) {
        double away_db = fabs(search->ebn0_db[k] - ebn0_db);
        if (away_db > SLOPE_APART_DB && away_db < nearest_db) {
            nearest_db = away_db;
            slope = (search->theory_db[k] - theory_db) / (search->ebn0_db[k] - ebn0_db);
        }
    }
    return fmin(fmax(slope, SLOPE_MIN), SLOPE_MAX);
}

/* Next Eb/N0 to look at. Without `search` the curve is the theory's. */
static double next_db(const struct crossing_request *request, size_t n_bits, double now_db,
                      double errors, double n, struct search *search)
{
    unsigned m = request->scene->link.m_cycles;
    double measured = errors > 0.0 ? errors / n : 0.3 / n;
    if (isnan(now_db)) {
        return NAN;
    }
    if (measured > HOPELESS_PER) {
        return now_db + HOPELESS_STEP_DB;
    }
    double theory_db = bench_ebn0_theory(m, n_bits, measured);
    double slope = 1.0;
    if (search) {
        slope = slope_at(search, now_db, theory_db);
        search->ebn0_db[search->n] = now_db;
        search->theory_db[search->n++] = theory_db;
    }
    return now_db + (bench_ebn0_theory(m, n_bits, request->per) - theory_db) / slope;
}

static void sigmas(const struct crossing_request *request, size_t n_bits, const double *counter,
                   struct crossing *crossing)
{
    unsigned m = request->scene->link.m_cycles;
    double decade_db = bench_ebn0_theory(m, n_bits, 0.8 * request->per) -
                       bench_ebn0_theory(m, n_bits, 1.25 * request->per);
    double db_per_neper = decade_db / log(1.25 / 0.8);
    double rx = counter[CROSSING_RX], bound = counter[CROSSING_BOUND];
    double variance = rx > 0.0 ? 1.0 / rx : 1.0;
    crossing->rx_sigma_db = db_per_neper * sqrt(variance);
    if (rx > 0.0 && bound > 0.0) {
        variance = 1.0 / rx + 1.0 / bound - 2.0 * counter[CROSSING_BOTH] / (rx * bound);
    }
    crossing->gap_sigma_db = db_per_neper * sqrt(fmax(variance, 0.0));
    crossing->n = (unsigned long)counter[CROSSING_N];
    crossing->rx_errors = (unsigned long)rx;
    crossing->bound_errors = (unsigned long)bound;
}

int crossing_find(const struct crossing_request *request, struct crossing *crossing)
{
    double counter[BENCH_COUNTERS];
    size_t n_bits = request->scene->kind == REPLY_KIND_RN16 ? 16 : 128;
    double theory_db = bench_ebn0_theory(request->scene->link.m_cycles, n_bits, request->per);
    double rx_db = request->rx ? theory_db + request->start_db : NAN;
    double bound_db = request->with_bound ? theory_db : NAN;
    struct search rx_search = {0}, bound_search = {0};
    bool is_fading = request->scene->air.tag_moving_ratio > 0.0;
    bool is_long = false;
    for (int stage = 0; stage < STAGES_MAX; stage++) {
        unsigned long errors = is_long ? request->errors : request->errors / 8 + 10;
        unsigned long n_max = (unsigned long)(3.0 * (double)errors / request->per);
        if (crossing_count(request, rx_db, bound_db, errors, n_max, counter)) {
            return 1;
        }
        double n = counter[CROSSING_N];
        double rx_next = next_db(request, n_bits, rx_db, counter[CROSSING_RX], n, &rx_search);
        double bound_next = next_db(request, n_bits, bound_db, counter[CROSSING_BOUND], n,
                                    is_fading ? &bound_search : NULL);
        bool is_close = !(fabs(rx_next - rx_db) > CLOSE_DB) && /* NaN: not asked for */
                        !(fabs(bound_next - bound_db) > CLOSE_DB);
        bool is_near = !(fabs(rx_next - rx_db) > 4.0 * CLOSE_DB);
        rx_db = rx_next;
        bound_db = bound_next;
        if (rx_db > theory_db + FARTHEST_DB) {
            break;
        }
        if (is_long && is_close) {
            crossing->rx_db = rx_db;
            crossing->bound_db = bound_db;
            sigmas(request, n_bits, counter, crossing);
            return 0;
        }
        is_long = is_near;
    }
    *crossing = (struct crossing){.rx_db = NAN, .bound_db = NAN};
    return 0;
}

double crossing_sheet_db(unsigned m, size_t n_bits, double per)
{
    static const double sheet_db[2][2][2] = {/* [Miller][EPC][1 %] */
                                             {{4.80, 7.11}, {6.93, 8.53}},
                                             {{6.97, 9.61}, {9.37, 11.12}}};
    bool is_percent = fabs(per - 0.01) < 1e-9;
    if (!is_percent && fabs(per - 0.1) > 1e-9) {
        return NAN;
    }
    return sheet_db[m > 1][n_bits > 16][is_percent];
}
