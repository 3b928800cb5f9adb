/* coverage.c - one drop: losses, legs, tallies; then the readers take turns. */
#include "protocol/coverage.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/random.h"
#include "config/require.h"
#include "protocol/coverage_parts.h"

#define CELLS_MAX 1e6
#define PLACE_STREAM 0x9A11u /* what is drawn for the places is drawn apart from the paths */

enum status coverage_new(const struct hall *hall, const struct coverage_budget *budget,
                         double cell_m, struct coverage **coverage)
{
    require(cell_m > 0.0);
    double n_x = ceil(hall->cfg.length_m / cell_m), n_y = ceil(hall->cfg.width_m / cell_m);
    if (n_x * n_y > CELLS_MAX) {
        return status_fail(ST_RANGE, "coverage.cell_m = %g m makes %g cells, accepted: up to %g",
                           cell_m, n_x * n_y, CELLS_MAX);
    }
    struct coverage *c = calloc(1, sizeof *c);
    if (!c) {
        return status_fail(ST_NO_MEMORY, "coverage: no memory");
    }
    c->hall = *hall;
    c->budget = *budget;
    c->cell_m = cell_m;
    c->tally.n_x = (size_t)n_x;
    c->tally.n_y = (size_t)n_y;
    size_t n_cells = c->tally.n_x * c->tally.n_y, n_pairs = hall->n_devices * hall->n_readers;
    c->place = malloc(hall->n_devices * sizeof *c->place);
    c->is_read = malloc(hall->n_devices * sizeof *c->is_read);
    c->pair = malloc(n_pairs * sizeof *c->pair);
    c->tally.cell_devices = calloc(n_cells, sizeof *c->tally.cell_devices);
    bool has_all = c->place && c->is_read && c->pair && c->tally.cell_devices;
    for (unsigned leg = 0; leg < COVERAGE_LEGS; leg++) {
        c->tally.cell_covered[leg] = calloc(n_cells, sizeof *c->tally.cell_covered[leg]);
        has_all = has_all && c->tally.cell_covered[leg];
    }
    if (!has_all) {
        coverage_free(&c);
        return status_fail(ST_NO_MEMORY, "coverage: no memory for %zu devices and %zu readers",
                           hall->n_devices, hall->n_readers);
    }
    *coverage = c;
    return ST_OK;
}

void coverage_free(struct coverage **coverage)
{
    struct coverage *c = *coverage;
    if (!c) {
        return;
    }
    free(c->place);
    free(c->is_read);
    free(c->pair);
    free(c->tally.cell_devices);
    for (unsigned leg = 0; leg < COVERAGE_LEGS; leg++) {
        free(c->tally.cell_covered[leg]);
    }
    free(c);
    *coverage = NULL;
}

double coverage_loss_chance(const struct coverage_budget *budget, double margin_db)
{
    return fmin(pow(10.0, -1.0 - margin_db / budget->decade_db), 1.0);
}

/* The path that the carrier takes which a device reflects to reader r. */
static double carrier_loss_db(const struct coverage *c, const float *loss_db, size_t r)
{
    double least = INFINITY;
    switch (c->budget.carrier) {
    case COVERAGE_SAME: return (double)loss_db[r];
    case COVERAGE_OUTSIDE: return c->budget.carrier_loss_db;
    case COVERAGE_DEVICE: return 0.0;
    case COVERAGE_OTHER:
        for (size_t other = 0; other < c->hall.n_readers; other++) {
            least = other != r ? fmin(least, (double)loss_db[other]) : least;
        }
        return least;
    }
    return least;
}

/* How much more loss each leg would bear, by the reader that is best for it.
 *   out  pairs of the readers that can identify the device are added */
static void device_legs(struct coverage *c, uint32_t device, const float *loss_db,
                        double margin_db[COVERAGE_LEGS])
{
    const struct coverage_budget *budget = &c->budget;
    bool is_deaf = false;
    for (unsigned leg = 0; leg < COVERAGE_LEGS; leg++) {
        margin_db[leg] = -INFINITY;
    }
    for (size_t r = 0; r < c->hall.n_readers; r++) {
        double carrier_db = carrier_loss_db(c, loss_db, r), path_db = (double)loss_db[r];
        double margin[COVERAGE_LEGS] = {
            [COVERAGE_HARVEST] = budget->harvest_loss_max_db - carrier_db,
            [COVERAGE_COMMAND] = budget->command_loss_max_db - path_db,
            [COVERAGE_REPLY] = budget->reply_loss_max_db - carrier_db - path_db,
        };
        double hears = fmin(margin[COVERAGE_HARVEST], margin[COVERAGE_COMMAND]);
        margin[COVERAGE_ALL] = fmin(hears, margin[COVERAGE_REPLY]);
        for (unsigned leg = 0; leg < COVERAGE_LEGS; leg++) {
            margin_db[leg] = fmax(margin_db[leg], margin[leg]);
        }
        is_deaf = is_deaf || (hears >= 0.0 && margin[COVERAGE_REPLY] < 0.0);
        if (margin[COVERAGE_ALL] >= 0.0) {
            double lost = coverage_loss_chance(budget, margin[COVERAGE_REPLY]);
            c->pair[c->n_pairs++] = (struct coverage_pair){
                .device = device, .reader = (uint16_t)r, .lost = (float)lost};
        }
    }
    c->tally.n_deaf_replies += is_deaf;
}

static void device_count(struct coverage *c, const struct hall_place *place,
                         const double margin_db[COVERAGE_LEGS], struct coverage_drop *drop)
{
    struct coverage_tally *tally = &c->tally;
    size_t x = (size_t)((double)place->x_m / c->cell_m),
           y = (size_t)((double)place->y_m / c->cell_m);
    size_t cell =
        (y < tally->n_y ? y : tally->n_y - 1) * tally->n_x + (x < tally->n_x ? x : tally->n_x - 1);
    tally->cell_devices[cell]++;
    for (unsigned leg = 0; leg < COVERAGE_LEGS; leg++) {
        double bin = floor(margin_db[leg] - COVERAGE_MARGIN_LEAST_DB);
        tally->margin[leg][(size_t)fmax(fmin(bin, COVERAGE_MARGIN_BINS - 1), 0.0)]++;
        bool is_covered = margin_db[leg] >= 0.0;
        drop->n_covered[leg] += is_covered;
        tally->cell_covered[leg][cell] += is_covered;
    }
}

void coverage_run(struct coverage *coverage, uint64_t seed, uint64_t index,
                  const struct coverage_sharing *sharing, struct coverage_drop *drop)
{
    struct coverage *c = coverage;
    uint64_t place_state = random_state(seed ^ PLACE_STREAM, index),
             state = random_state(seed, index);
    float loss_db[HALL_READERS_MAX];
    memset(drop, 0, sizeof *drop);
    for (size_t k = 0; k < COVERAGE_CURVE_POINTS; k++) {
        drop->curve_s[k] = NAN;
    }
    hall_drop(&c->hall, &place_state, c->place);
    c->n_pairs = 0;
    for (size_t k = 0; k < c->hall.n_devices; k++) {
        double margin_db[COVERAGE_LEGS];
        hall_losses(&c->hall, &c->place[k], &state, loss_db);
        device_legs(c, (uint32_t)k, loss_db, margin_db);
        device_count(c, &c->place[k], margin_db, drop);
    }
    drop->n_devices = c->hall.n_devices;
    c->tally.n_drops++;
    c->tally.n_devices += drop->n_devices;
    for (unsigned leg = 0; leg < COVERAGE_LEGS; leg++) {
        c->tally.n_covered[leg] += drop->n_covered[leg];
    }
    if (sharing) {
        coverage_identify(c, sharing, random_bits(&state), drop);
    }
}

const struct coverage_tally *coverage_tally(const struct coverage *coverage)
{
    return &coverage->tally;
}

void coverage_add(struct coverage *coverage, const struct coverage *other)
{
    struct coverage_tally *to = &coverage->tally;
    const struct coverage_tally *from = &other->tally;
    require(to->n_x == from->n_x);
    require(to->n_y == from->n_y);
    to->n_drops += from->n_drops;
    to->n_devices += from->n_devices;
    to->n_deaf_replies += from->n_deaf_replies;
    for (size_t k = 0; k < to->n_x * to->n_y; k++) {
        to->cell_devices[k] += from->cell_devices[k];
    }
    for (unsigned leg = 0; leg < COVERAGE_LEGS; leg++) {
        to->n_covered[leg] += from->n_covered[leg];
        for (size_t k = 0; k < COVERAGE_MARGIN_BINS; k++) {
            to->margin[leg][k] += from->margin[leg][k];
        }
        for (size_t k = 0; k < to->n_x * to->n_y; k++) {
            to->cell_covered[leg][k] += from->cell_covered[leg][k];
        }
    }
}
