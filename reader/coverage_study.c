/* coverage_study.c - threads take drops from a counter; what they found adds up to the same in any order. */
#include "reader/coverage_study.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "config/require.h"
#include "reader/run.h"

enum { THREADS_MAX = 256, BAR_COLUMNS = 40 };
#define PROGRESS_NAP_NS 20000000

const char *const coverage_leg_names[COVERAGE_LEGS] = {
    [COVERAGE_HARVEST] = "rf-eh",
    [COVERAGE_COMMAND] = "r2d",
    [COVERAGE_REPLY] = "d2r",
    [COVERAGE_ALL] = "all",
};
const char *const coverage_leg_meanings[COVERAGE_LEGS] = {
    [COVERAGE_HARVEST] = "energy: carrier to device",
    [COVERAGE_COMMAND] = "command: reader to device",
    [COVERAGE_REPLY] = "reply: device to reader",
    [COVERAGE_ALL] = "all three with one reader",
};

struct work {
    const struct coverage_plan *plan;
    struct coverage_sharing sharing;
    struct coverage_drop *drop;
    size_t n_drops;
    atomic_size_t next, n_done;
    atomic_bool stopped;
};

struct worker {
    struct work *work;
    struct coverage *coverage;
    pthread_t thread;
};

void coverage_budget_of(const struct budget_scenario *scenario, enum coverage_carrier carrier,
                        bool shadow_is_drawn, struct coverage_budget *budget)
{
    struct budget_scenario s = *scenario;
    s.shadow_margin_db = shadow_is_drawn ? 0.0 : s.shadow_margin_db;
    *budget = (struct coverage_budget){.carrier = carrier, .harvest_loss_max_db = INFINITY};
    struct budget_result result;
    if (budget_has_leg(&s, BUDGET_HARVEST)) {
        budget_solve(&s, BUDGET_HARVEST, &result);
        budget->harvest_loss_max_db = result.max_loss_db;
    }
    budget_solve(&s, BUDGET_COMMAND, &result);
    budget->command_loss_max_db = result.max_loss_db;
    /* what both ways together may lose, told by any one pair of ways */
    const struct pathloss_path path = budget_path(&s);
    double way_db = pathloss_db(&path, 1.0);
    budget->carrier_loss_db =
        pathloss_db(&path, isnan(s.carrier_distance_m) ? 1.0 : s.carrier_distance_m);
    s.place = BUDGET_PLACE_READER;
    budget->reply_loss_max_db = budget_margin_db(&s, BUDGET_REPLY, 1.0) + way_db +
                                (carrier == COVERAGE_DEVICE ? 0.0 : way_db);
    struct sensitivity_link weak = s.reply, strong = s.reply;
    weak.per = SENSITIVITY_PER_10;
    strong.per = SENSITIVITY_PER_1;
    budget->decade_db = sensitivity_ebn0_db(&strong) - sensitivity_ebn0_db(&weak);
}

static void *work_on(void *argument)
{
    struct worker *worker = argument;
    struct work *work = worker->work;
    const struct coverage_plan *plan = work->plan;
    const struct coverage_sharing *sharing = plan->options.identify ? &work->sharing : NULL;
    for (;;) {
        size_t index = atomic_fetch_add(&work->next, 1);
        if (index >= work->n_drops || atomic_load(&work->stopped)) {
            return NULL;
        }
        coverage_run(worker->coverage, (uint64_t)plan->options.seed, index, sharing,
                     &work->drop[index]);
        atomic_fetch_add(&work->n_done, 1);
    }
}

static void progress_show(size_t n_done, size_t n_drops)
{
    int n = (int)(BAR_COLUMNS * n_done / n_drops);
    fprintf(stderr, "\r[%.*s%*s] %zu of %zu drops", n, "########################################",
            BAR_COLUMNS - n, "", n_done, n_drops);
    fflush(stderr);
}

/* Until all is done, or a signal says that what is done will do. */
static void progress_follow(struct work *work, const sigset_t *signals)
{
    const struct timespec nap = {.tv_nsec = PROGRESS_NAP_NS};
    bool is_shown = isatty(STDERR_FILENO) != 0;
    size_t n_done = 0;
    while (n_done < work->n_drops && !run_signal_pending(signals)) {
        nanosleep(&nap, NULL);
        n_done = atomic_load(&work->n_done);
        if (is_shown) {
            progress_show(n_done, work->n_drops);
        }
    }
    atomic_store(&work->stopped, true);
    if (is_shown) {
        fputs("\r\033[K", stderr);
    }
}

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static size_t threads_wanted(const struct coverage_plan *plan)
{
    long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t n = plan->options.n_threads > 0 ? (size_t)plan->options.n_threads
               : n_cores > 0               ? (size_t)n_cores
                                           : 1;
    size_t n_drops = (size_t)plan->options.n_drops;
    n = n < n_drops ? n : n_drops;
    return n < THREADS_MAX ? n : THREADS_MAX;
}

/* Drops that were done, without a gap. */
static void study_gather(struct coverage_study *study, const struct work *work)
{
    size_t n = 0;
    for (size_t k = 0; k < work->n_drops; k++) {
        if (work->drop[k].n_devices > 0) {
            study->drop[n++] = work->drop[k];
        }
    }
    study->n_drops = n;
}

enum status coverage_study_run(const struct coverage_plan *plan, struct coverage_study *study)
{
    static struct worker worker[THREADS_MAX];
    size_t n_threads = threads_wanted(plan), n_started = 0;
    struct work work = {
        .plan = plan,
        .sharing = {.unit_s = plan->options.unit_s,
                    .time_max_s = plan->options.time_max_s,
                    .inventory = &plan->inventory,
                    .link = &plan->link},
        .n_drops = (size_t)plan->options.n_drops,
    };
    *study = (struct coverage_study){.wall_s = wall_s()};
    study->drop = work.drop = calloc(work.n_drops, sizeof *work.drop);
    enum status status = work.drop ? ST_OK : status_fail(ST_NO_MEMORY, "coverage: no memory");
    for (size_t k = 0; k < n_threads && !status; k++) {
        worker[k] = (struct worker){.work = &work};
        status =
            coverage_new(&plan->hall, &plan->budget, plan->options.cell_m, &worker[k].coverage);
        n_started += !status;
    }
    sigset_t signals;
    run_signals_block(&signals);
    for (size_t k = 0; k < n_started && !status; k++) {
        int failed = pthread_create(&worker[k].thread, NULL, work_on, &worker[k]);
        require(failed == 0); /* at most a thread a core, at program start */
    }
    if (!status) {
        progress_follow(&work, &signals);
    }
    for (size_t k = 0; k < n_started; k++) {
        if (!status) {
            pthread_join(worker[k].thread, NULL);
        }
        if (k > 0 && !status) {
            coverage_add(worker[0].coverage, worker[k].coverage);
        }
        if (k > 0 || status) {
            coverage_free(&worker[k].coverage);
        }
    }
    if (status) {
        coverage_study_free(study);
        return status;
    }
    study->total = worker[0].coverage;
    study_gather(study, &work);
    study->wall_s = wall_s() - study->wall_s;
    return ST_OK;
}

void coverage_study_free(struct coverage_study *study)
{
    coverage_free(&study->total);
    free(study->drop);
    *study = (struct coverage_study){0};
}

double coverage_curve_s(const struct coverage_study *study, size_t point)
{
    require(point < COVERAGE_CURVE_POINTS);
    double sum_s = 0.0;
    for (size_t k = 0; k < study->n_drops; k++) {
        sum_s += study->drop[k].curve_s[point];
    }
    return study->n_drops > 0 ? sum_s / (double)study->n_drops : NAN;
}
