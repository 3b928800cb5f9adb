/* coverage_report.c - the figures of a coverage run, in words or as one JSON object. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "reader/coverage_study.h"

static const size_t shown_points[] = {49, 89, 98, 99}; /* 50, 90, 99, 100 % */
enum { SHOWN_POINTS = sizeof shown_points / sizeof *shown_points };

struct figures { /* over all drops */
    double mean, least, most;
};

static struct figures share_of(const struct coverage_study *study, enum coverage_leg leg)
{
    struct figures share = {.least = INFINITY};
    for (size_t k = 0; k < study->n_drops; k++) {
        const struct coverage_drop *drop = &study->drop[k];
        double ratio = (double)drop->n_covered[leg] / (double)drop->n_devices;
        share.mean += ratio / (double)study->n_drops;
        share.least = fmin(share.least, ratio);
        share.most = fmax(share.most, ratio);
    }
    return share;
}

struct identified { /* over all drops */
    double n_covered, n_identified, n_slots, last_s, busy_s;
    size_t n_complete; /* drops */
};

static struct identified identified_of(const struct coverage_study *study)
{
    struct identified all = {0};
    double n = (double)study->n_drops;
    for (size_t k = 0; k < study->n_drops; k++) {
        const struct coverage_drop *drop = &study->drop[k];
        all.n_covered += (double)drop->n_covered[COVERAGE_ALL] / n;
        all.n_identified += (double)drop->n_identified / n;
        all.n_slots += (double)drop->n_slots / n;
        all.last_s += drop->last_s / n;
        all.busy_s += drop->busy_s / n;
        all.n_complete += drop->n_identified == drop->n_covered[COVERAGE_ALL];
    }
    return all;
}

static double leg_loss_db(const struct coverage_plan *plan, enum coverage_leg leg)
{
    const double loss_db[] = {plan->budget.harvest_loss_max_db, plan->budget.command_loss_max_db,
                              plan->budget.reply_loss_max_db};
    return loss_db[leg];
}

static const char *carrier_words(enum coverage_carrier carrier)
{
    static const char *const words[] = {
        [COVERAGE_SAME] = "carrier from the reader that listens",
        [COVERAGE_OTHER] = "carrier from another reader, the best heard",
        [COVERAGE_OUTSIDE] = "carrier from a node outside, at the same distance for every device",
        [COVERAGE_DEVICE] = "carrier of the device's own",
    };
    return words[carrier];
}

/* What the figures alone do not say. */
static void print_remarks(const struct coverage_plan *plan, const struct coverage_study *study)
{
    const struct hall_cfg *hall = &plan->hall.cfg;
    double below_m = hall->reader_height_m - hall->device_height_m;
    if (hall->device_spacing_m > 0.0 && !plan->hall.is_spaced) {
        printf("  %g m between devices cannot be kept with %g on 100 m2%s: waived\n",
               hall->device_spacing_m, hall->devices_per_100_m2,
               hall->placement == HALL_CIRCLES ? ", in circles" : "");
    }
    for (unsigned leg = 0; leg < BUDGET_LEGS; leg++) {
        double reach_m = plan->leg_reach_m[leg];
        if (reach_m < below_m) {
            printf("  %s reaches %.2f m, and no device is nearer to a reader than %.2f m (heights "
                   "%g and "
                   "%g m): nothing is covered%s\n",
                   coverage_leg_names[leg], reach_m, below_m, hall->reader_height_m,
                   hall->device_height_m,
                   hall->shadow ? " but where shadow fading happens to add power" : "");
        }
    }
    double n_deaf = (double)coverage_tally(study->total)->n_deaf_replies / (double)study->n_drops;
    if (n_deaf >= 0.5) {
        printf("  %.0f devices a drop hear a reader that does not hear them\n", n_deaf);
    }
    if (study->n_drops < (size_t)plan->options.n_drops) {
        printf("  stopped after %zu of %lld drops\n", study->n_drops,
               (long long)plan->options.n_drops);
    }
}

static void print_identified(const struct coverage_plan *plan, const struct coverage_study *study)
{
    struct identified all = identified_of(study);
    printf("\nidentification, %zu readers in turn, %g s each, EPC Gen2 slots (Tari %g us, BLF %g "
           "kHz)\n",
           plan->hall.n_readers, plan->options.unit_s, plan->link.tari_us,
           1e-3 * plan->link.blf_hz);
    if (!(all.n_covered > 0.0)) {
        printf("  no device is covered: nobody to identify\n");
        return;
    }
    printf("  %.1f of %.1f covered devices, all of them in %zu of %zu drops\n", all.n_identified,
           all.n_covered, all.n_complete, study->n_drops);
    for (size_t k = 0; k < SHOWN_POINTS; k++) {
        double at_s = coverage_curve_s(study, shown_points[k]);
        if (!isnan(at_s)) {
            printf("  %3zu %% after %8.2f s\n", shown_points[k] + 1, at_s);
        }
    }
    if (all.n_identified > 0.0) {
        printf("  %.1f tags/s over all, %.1f tags/s while somebody transmits, %.2f slots a tag\n",
               all.n_identified / all.last_s, all.n_identified / all.busy_s,
               all.n_slots / all.n_identified);
    }
}

void coverage_print(const struct coverage_plan *plan, const struct coverage_study *study)
{
    const struct hall_cfg *hall = &plan->hall.cfg;
    printf("%s: %s\n", plan->preset.name, plan->preset.meaning);
    printf("  hall %g m x %g m, %zu readers at %g m, %zu devices at %g m, %s\n", hall->length_m,
           hall->width_m, plan->hall.n_readers, hall->reader_height_m, plan->hall.n_devices,
           hall->device_height_m, hall->placement == HALL_CIRCLES ? "in circles" : "uniform");
    printf("  path %s at %g MHz, line of sight %s, shadow fading %s; %s\n",
           pathloss_about((enum pathloss_model)hall->model)->name, 1e-6 * hall->freq_hz,
           hall->sight == HALL_SIGHT_DRAWN  ? "drawn"
           : hall->sight == HALL_SIGHT_NONE ? "never"
                                            : "always",
           hall->shadow ? "drawn" : "as a margin", carrier_words(plan->budget.carrier));
    print_remarks(plan, study);
    printf("\n%-6s %-28s %10s %9s %9s %9s %9s\n", "leg", "", "loss, dB", "reach, m", "devices",
           "worst", "best");
    for (unsigned leg = 0; leg < COVERAGE_LEGS; leg++) {
        struct figures share = share_of(study, (enum coverage_leg)leg);
        printf("%-6s %-28s", coverage_leg_names[leg], coverage_leg_meanings[leg]);
        if (leg < COVERAGE_ALL && isfinite(leg_loss_db(plan, (enum coverage_leg)leg))) {
            printf(" %10.2f %9.2f", leg_loss_db(plan, (enum coverage_leg)leg),
                   plan->leg_reach_m[leg]);
        } else {
            printf(" %10s %9s", "", "");
        }
        printf(" %7.2f %% %7.2f %% %7.2f %%\n", 100.0 * share.mean, 100.0 * share.least,
               100.0 * share.most);
    }
    printf("loss: largest one the leg bears, for d2r of both ways together; devices: mean of %zu "
           "drops\n",
           study->n_drops);
    if (plan->options.identify) {
        print_identified(plan, study);
    }
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *legs_json(const struct coverage_plan *plan, const struct coverage_study *study)
{
    json_t *legs = json_object();
    for (unsigned leg = 0; leg < COVERAGE_LEGS; leg++) {
        struct figures share = share_of(study, (enum coverage_leg)leg);
        json_t *row = json_object();
        if (leg < COVERAGE_ALL) {
            json_object_set_new(row, "loss_max_db",
                                number(leg_loss_db(plan, (enum coverage_leg)leg)));
            json_object_set_new(row, "reach_m", number(plan->leg_reach_m[leg]));
        }
        json_object_set_new(row, "covered_ratio", number(share.mean));
        json_object_set_new(row, "covered_ratio_least", number(share.least));
        json_object_set_new(row, "covered_ratio_most", number(share.most));
        json_object_set_new(legs, coverage_leg_names[leg], row);
    }
    return legs;
}

static json_t *identified_json(const struct coverage_study *study)
{
    struct identified all = identified_of(study);
    json_t *curve = json_array();
    for (size_t k = 0; k < COVERAGE_CURVE_POINTS; k++) {
        json_array_append_new(curve, number(coverage_curve_s(study, k)));
    }
    json_t *row = json_object();
    json_object_set_new(row, "covered", number(all.n_covered));
    json_object_set_new(row, "identified", number(all.n_identified));
    json_object_set_new(row, "complete_drops", json_integer((json_int_t)all.n_complete));
    json_object_set_new(row, "last_s", number(all.last_s));
    json_object_set_new(row, "busy_s", number(all.busy_s));
    json_object_set_new(row, "slots", number(all.n_slots));
    json_object_set_new(row, "percent_s", curve);
    return row;
}

void coverage_print_json(const struct coverage_plan *plan, const struct coverage_study *study)
{
    const struct hall_cfg *hall = &plan->hall.cfg;
    json_t *root = json_object();
    json_object_set_new(root, "v", json_integer(1));
    json_object_set_new(root, "type", json_string("coverage"));
    json_object_set_new(root, "preset", json_string(plan->preset.name));
    json_object_set_new(root, "model",
                        json_string(pathloss_about((enum pathloss_model)hall->model)->name));
    json_object_set_new(root, "readers", json_integer((json_int_t)plan->hall.n_readers));
    json_object_set_new(root, "devices", json_integer((json_int_t)plan->hall.n_devices));
    json_object_set_new(root, "device_spacing_kept", json_boolean(plan->hall.is_spaced));
    json_object_set_new(root, "drops", json_integer((json_int_t)study->n_drops));
    json_object_set_new(root, "seed", json_integer(plan->options.seed));
    json_object_set_new(root, "legs", legs_json(plan, study));
    if (plan->options.identify) {
        json_object_set_new(root, "identification", identified_json(study));
    }
    json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}
