/* test_topologies_map.c - the truth check of a coverage map: at points of a hall, in line of sight and
 * out of it, the samples are run, and the share of EPCs read is what the budget predicts there. */
#include "reader/coverage_study.h"
#include "tests/topology_rig.h"

/* A monostatic base station on the ceiling of the contribution's hall, here with sparse clutter (at its
 * points the sight is clear four times of five), tags of type 2a at 1.5 m; 60 dB between its antennas, so that the converter's noise stays below the thermal one. */
#define READER_X_M 20.0
#define READER_HEIGHT_M 8.0
#define TAG_HEIGHT_M 1.5

static struct budget_scenario hall_scenario(bool in_sight)
{
    struct budget_preset preset;
    assert_int_equal(budget_preset_find("D1T1-A2-type2a", &preset), ST_OK);
    preset.scenario.model = in_sight ? PATHLOSS_INF_LOS : PATHLOSS_INF_SH;
    preset.scenario.place = BUDGET_PLACE_READER;
    preset.scenario.weakest = BUDGET_WEAKEST_RECEIVER;
    preset.scenario.reply.reply = SENSITIVITY_EPC;
    preset.scenario.receiver.isolation_db = 60.0;
    return preset.scenario;
}

/* The point of the map with that margin over the budget's 10 % PER: a horizontal distance. */
static double point_of_m(const struct budget_scenario *s, double margin_db)
{
    double low_m = 7.0;
    double high_m = 100.0;
    for (int k = 0; k < 60; k++) {
        double middle_m = 0.5 * (low_m + high_m);
        bool is_above = budget_margin_db(s, BUDGET_REPLY, middle_m) > margin_db;
        low_m = is_above ? middle_m : low_m;
        high_m = is_above ? high_m : middle_m;
    }
    double drop_m = READER_HEIGHT_M - TAG_HEIGHT_M;
    return sqrt(low_m * low_m - drop_m * drop_m);
}

static struct air_cfg hall_air_cfg(const struct budget_scenario *s, double point_m, int64_t seed)
{
    const struct topology anywhere = {-1.0, 1.0, READER_HEIGHT_M};
    struct air_cfg cfg = topology_cfg(s, &s->carrier, &anywhere);
    cfg.seed = seed;
    cfg.leak_db = -s->receiver.isolation_db;
    cfg.tx_noise_dbc_hz = s->receiver.converter_dbc_hz;
    cfg.scene.path = PATHLOSS_INF_SH;
    cfg.scene.sight = SCENE_SIGHT_DRAWN;
    cfg.scene.clutter_height_m = 4.0; /* sparse: a fifth of the floor */
    cfg.scene.clutter_size_m = 10.0;
    cfg.scene.clutter_ratio = 0.2;
    double x_m = READER_X_M + point_m;
    snprintf(cfg.scene.hall_m, sizeof cfg.scene.hall_m, "120,60,10");
    snprintf(cfg.scene.tx_at, sizeof cfg.scene.tx_at, "%g,30,%g", READER_X_M, READER_HEIGHT_M);
    snprintf(cfg.scene.rx_at, sizeof cfg.scene.rx_at, "%g,30,%g %.9g,30,%g", READER_X_M,
             READER_HEIGHT_M, x_m + 1.2, TAG_HEIGHT_M);
    snprintf(cfg.scene.tags_at, sizeof cfg.scene.tags_at, "%.9g,30,%g", x_m, TAG_HEIGHT_M);
    return cfg;
}

/* The first realisation of the hall in which the draw puts the point in sight, or out of it. */
static struct air_cfg realisation(const struct budget_scenario *s, double point_m, bool in_sight)
{
    for (int64_t seed = 1; seed < 2000; seed++) {
        const struct air_cfg cfg = hall_air_cfg(s, point_m, seed);
        struct air *air;
        struct air_tag_truth truth;
        assert_int_equal(air_new(&cfg, TOPOLOGY_RATE_SPS, s->freq_hz, 1, 2, &air), ST_OK);
        air_tag_read(air, 0, &truth);
        air_free(&air);
        if (truth.tx_in_sight == in_sight) {
            assert_int_equal(truth.rx_in_sight, in_sight);
            return cfg;
        }
    }
    fail_msg("no realisation");
    return (struct air_cfg){0};
}

static double tail(double x)
{
    return 0.5 * erfc(x / sqrt(2.0));
}

/* Packet error rate at a margin over the 10 % point: error events come at the mean number K Q(sqrt(c E)),
 * E = Eb/N0, a packet is right without any; K and c from the two measured points, 10 % and 1 %. */
static double predicted_per(const struct budget_scenario *s, double margin_db)
{
    struct sensitivity_link at_1 = s->reply;
    at_1.per = SENSITIVITY_PER_1;
    const double e_10 = pow(10.0, sensitivity_ebn0_db(&s->reply) / 10.0);
    const double e_1 = pow(10.0, sensitivity_ebn0_db(&at_1) / 10.0);
    const double wanted = log(0.9) / log(0.99);
    double low = 0.1;
    double high = 20.0;
    for (int k = 0; k < 60; k++) { /* the steeper, the larger c */
        double c = 0.5 * (low + high);
        bool is_steeper = tail(sqrt(c * e_10)) / tail(sqrt(c * e_1)) > wanted;
        low = is_steeper ? low : c;
        high = is_steeper ? c : high;
    }
    const double e = e_10 * pow(10.0, margin_db / 10.0);
    return -expm1(log(0.9) * tail(sqrt(low * e)) / tail(sqrt(low * e_10)));
}

/* The curve is good to 0.3 dB (it was measured with a wider spread of clocks), so the share read must lie
 * between those predicted 0.3 dB to either side, 3.3 sigma of the count added: n = 300. It has two points:
 * what it is drawn out to 2 dB and more below them is held to a share of 0.05. */
static void topologies_map_agrees_with_the_air(void **state)
{
    (void)state;
    static const double margins_db[] = {12.0, 3.0, 1.0, 0.0, -0.6, -4.0};
    enum { POINTS = sizeof margins_db / sizeof *margins_db, ROUNDS = 300 };
    for (int k = 0; k < 2 * POINTS; k++) {
        const bool in_sight = k < POINTS;
        const double margin_db = margins_db[k % POINTS];
        const struct budget_scenario s = hall_scenario(in_sight);
        const double point_m = point_of_m(&s, margin_db);
        const struct air_cfg cfg = realisation(&s, point_m, in_sight);
        const struct topology_count count = topology_talk(&cfg, s.freq_hz, ROUNDS);
        assert_int_equal(count.n_epc_sent, ROUNDS);
        double read = (double)count.n_read / ROUNDS;
        double worst = 1.0 - predicted_per(&s, margin_db - 0.3);
        double best = 1.0 - predicted_per(&s, margin_db + 0.3);
        double drawn_out = margin_db < -2.0 ? 0.05 : 0.0;
        double low = worst - 3.3 * sqrt(worst * (1.0 - worst) / ROUNDS);
        double high = best + 3.3 * sqrt(best * (1.0 - best) / ROUNDS) + drawn_out;
        printf("%-12s %5.1f m, margin %5.1f dB: read %.3f, predicted %.3f (%.3f .. %.3f)\n",
               in_sight ? "in sight" : "out of sight", point_m, margin_db, read,
               1.0 - predicted_per(&s, margin_db), low, high);
        assert_true(read >= low && read <= high);
    }
}

/* ---- points of a drop of the coverage run: 18 readers, shadow and sight drawn ---- */

struct map_point { /* a device, the reader that hears it, what the path between them loses */
    struct hall_place place;
    size_t reader;
    double loss_db, off_db; /* from the margin wanted */
};

/* The devices of a drop that lie next to the margins wanted. */
static void find_points(const struct hall *hall, const struct coverage_budget *budget,
                        const double *margin_db, size_t n_points, struct map_point *point)
{
    struct hall_place *places = malloc(hall->n_devices * sizeof *places);
    uint64_t state = 20;
    float loss_db[HALL_READERS_MAX];
    assert_non_null(places);
    hall_drop(hall, &state, places);
    for (size_t k = 0; k < n_points; k++) {
        point[k].off_db = INFINITY;
    }
    for (size_t device = 0; device < hall->n_devices; device++) {
        hall_losses(hall, &places[device], &state, loss_db);
        for (size_t r = 0; r < hall->n_readers; r++) {
            double margin = budget->reply_loss_max_db - 2.0 * (double)loss_db[r];
            for (size_t k = 0; k < n_points; k++) {
                double off_db = fabs(margin - margin_db[k]);
                if (off_db < point[k].off_db) {
                    point[k] = (struct map_point){places[device], r, (double)loss_db[r], off_db};
                }
            }
        }
    }
    free(places);
}

/* The same two places on the air, shadow and sight as further losses on the median way. */
static struct air_cfg point_cfg(const struct budget_scenario *s, const struct hall *hall,
                                const struct map_point *point)
{
    const double *reader_m = hall->reader_m[point->reader];
    const double x_m = (double)point->place.x_m;
    const double y_m = (double)point->place.y_m;
    const double z_m = hall->cfg.device_height_m;
    const struct pathloss_path path = {.model = PATHLOSS_INF_DH, .freq_hz = s->freq_hz};
    const double away_m = hypot(hypot(reader_m[0] - x_m, reader_m[1] - y_m), reader_m[2] - z_m);
    const double drawn_db = point->loss_db - pathloss_db(&path, away_m);
    const struct topology anywhere = {-1.0, 1.0, reader_m[2]};
    struct air_cfg cfg = topology_cfg(s, &s->carrier, &anywhere);
    cfg.leak_db = -s->receiver.isolation_db;
    cfg.tx_noise_dbc_hz = s->receiver.converter_dbc_hz;
    cfg.scene.down_loss_db += drawn_db;
    cfg.scene.up_loss_db += drawn_db;
    snprintf(cfg.scene.hall_m, sizeof cfg.scene.hall_m, "122,60,10");
    snprintf(cfg.scene.tx_at, sizeof cfg.scene.tx_at, "%.9g,%.9g,%g", reader_m[0], reader_m[1],
             reader_m[2]);
    snprintf(cfg.scene.rx_at, sizeof cfg.scene.rx_at, "%.9g,%.9g,%g %.9g,%.9g,%g", reader_m[0],
             reader_m[1], reader_m[2], x_m + 1.2, y_m, z_m);
    snprintf(cfg.scene.tags_at, sizeof cfg.scene.tags_at, "%.9g,%.9g,%g", x_m, y_m, z_m);
    return cfg;
}

/* Covered points read what coverage_loss_chance says, 0.3 dB to either side and 3.3 sigma of n = 300 added;
 * points that are not covered lose more than one in ten, by as many sigma. */
static void topologies_map_points_of_a_drop_read_as_covered(void **state)
{
    (void)state;
    static const double margins_db[] = {20.0, 6.0, 2.0, 1.0, 0.3, -0.8, -2.0, -8.0};
    enum { POINTS = sizeof margins_db / sizeof *margins_db, ROUNDS = 300 };
    struct budget_scenario s = hall_scenario(false);
    struct coverage_budget budget;
    struct hall_cfg hall_cfg;
    struct hall *hall = malloc(sizeof *hall);
    struct map_point point[POINTS];
    assert_non_null(hall);
    s.model = PATHLOSS_INF_DH;
    s.shadow_margin_db = 0.0; /* it is drawn */
    defaults_fill(&hall_options, &hall_cfg);
    assert_int_equal(hall_make(&hall_cfg, hall), ST_OK);
    assert_int_equal(hall->n_readers, 18);
    coverage_budget_of(&s, COVERAGE_SAME, true, &budget);
    find_points(hall, &budget, margins_db, POINTS, point);
    for (int k = 0; k < POINTS; k++) {
        const struct air_cfg cfg = point_cfg(&s, hall, &point[k]);
        const struct topology_count count = topology_talk(&cfg, s.freq_hz, ROUNDS);
        double margin_db = budget.reply_loss_max_db - 2.0 * point[k].loss_db;
        double lost = 1.0 - (double)count.n_read / ROUNDS;
        double low = coverage_loss_chance(&budget, margin_db + 0.3);
        double high = coverage_loss_chance(&budget, margin_db - 0.3);
        low -= 3.3 * sqrt(low * (1.0 - low) / ROUNDS);
        high += 3.3 * sqrt(high * (1.0 - high) / ROUNDS);
        printf("reader %2zu, %5.1f,%4.1f m: path %5.1f dB, margin %5.2f dB, lost %.3f, predicted "
               "%.3f\n",
               point[k].reader, (double)point[k].place.x_m, (double)point[k].place.y_m,
               point[k].loss_db, margin_db, lost, coverage_loss_chance(&budget, margin_db));
        assert_true(point[k].off_db < 0.1);
        assert_int_equal(count.n_epc_sent, ROUNDS);
        if (margin_db >= 0.0) {
            assert_true(lost >= low && lost <= high);
        } else {
            assert_true(lost > 0.1 + 3.3 * sqrt(0.1 * 0.9 / ROUNDS));
        }
    }
    free(hall);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topologies_map_agrees_with_the_air),
        cmocka_unit_test(topologies_map_points_of_a_drop_read_as_covered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
