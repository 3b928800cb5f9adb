/* test_air_scene.c - places, antennas and ways of a hall against sums done by hand (TR 38.901 table
 * 7.4.1-1, 7.4.2-1, 7.2-4; Friis), and what a scene refuses. */
#include "air_rig.h"

#include "protocol/pathloss.h"
#include "radio/air/antenna.h"
#include "radio/air/places.h"

#define FREQ_HZ 910e6 /* rig_record's */

/* ---- texts ---- */

static void air_scene_reads_places(void **state)
{
    (void)state;
    static const char *const bad[] = {"1",         "1,2",       "1,2,3,4",    "1,2,x",
                                      "1,2,nan",   "1, 2,3",    "1,2,3,",     ",1,2,3",
                                      "1,2,3 4,5", "1,2,1e999", "1,2,3|4,5,6"};
    struct places places;
    assert_int_equal(places_read("k", " 1,2,3;4.5,-5e1,6 ; 7,8,9 ", 3, "x", 4, &places), ST_OK);
    assert_int_equal(places.n, 3);
    assert_true(places.value[1][0] == 4.5 && places.value[1][1] == -50 && places.value[2][2] == 9);
    assert_int_equal(places_read("k", " ; ", 3, "x", 4, &places), ST_OK);
    assert_int_equal(places.n, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(places_read("k", bad[i], 3, "x", 4, &places), ST_FORMAT);
    }
    assert_int_equal(places_read("k", "1,2 3,4 5,6", 2, "x", 2, &places), ST_FORMAT);
    assert_non_null(strstr(status_detail(), "radio.sim.k"));
}

/* ---- antennas ---- */

/* Mean of the gain over the sphere, by the midpoint rule over elevation and azimuth of the aim. */
static double mean_gain(const struct antenna *antenna)
{
    enum { N = 400 };
    double sum = 0;
    for (int i = 0; i < N; i++) {
        double z = -1 + (2 * i + 1.0) / N;
        double r = sqrt(1 - z * z);
        for (int k = 0; k < N; k++) {
            double angle = 2 * M_PI * (k + 0.5) / N;
            const double towards[3] = {3 * r * cos(angle), 3 * r * sin(angle), 3 * z};
            sum += pow(10, antenna_gain_dbi(antenna, towards) / 10);
        }
    }
    return sum / N / N;
}

/* A lossless antenna's mean gain is 1. Isotropic: 1. Half-wave dipole: directivity 1.6409, so a peak of
 * 0 dBi has the mean 1 / 1.6409. cos^n over one half space: 1 / (2 (n + 1)), plus the floor behind. */
static void air_scene_patterns_integrate(void **state)
{
    (void)state;
    struct antenna antenna = {.pattern = ANTENNA_ISOTROPIC, .gain_dbi = 3, .front_to_back_db = 80};
    antenna_aim(33, 21, antenna.aim);
    assert_true(fabs(mean_gain(&antenna) / pow(10, 0.3) - 1) < 1e-9);
    antenna.gain_dbi = 0;
    antenna.pattern = ANTENNA_DIPOLE;
    assert_true(fabs(mean_gain(&antenna) * 1.6409 - 1) < 1e-3);
    antenna.pattern = ANTENNA_SECTOR;
    static const double beams_deg[] = {30, 65, 90, 120};
    for (size_t i = 0; i < 4; i++) {
        antenna.beam_deg = beams_deg[i];
        double n = log(0.5) / log(cos(beams_deg[i] * M_PI / 360));
        assert_true(fabs(mean_gain(&antenna) * 2 * (n + 1) - 1) < 2e-3);
    }
    antenna.front_to_back_db = 20; /* the floor cuts the flank at cos^n = 0.01 */
    double n = log(0.5) / log(cos(M_PI / 3));
    double cut = pow(0.01, 1 / n);
    double expected = (1 - pow(cut, n + 1)) / (2 * (n + 1)) + 0.01 * (1 + cut) / 2;
    assert_true(fabs(mean_gain(&antenna) / expected - 1) < 2e-3);
}

static void air_scene_beams_have_their_width(void **state)
{
    (void)state;
    struct antenna antenna = {
        .pattern = ANTENNA_SECTOR, .gain_dbi = 8, .beam_deg = 60, .front_to_back_db = 25};
    antenna_aim(90, 0, antenna.aim); /* along y */
    const double ahead[3] = {0, 5, 0}, behind[3] = {0, -2, 0};
    const double edge[3] = {cos(M_PI / 3), sin(M_PI / 3), 0}; /* 30 degrees off */
    assert_true(fabs(antenna_gain_dbi(&antenna, ahead) - 8) < 1e-9);
    assert_true(fabs(antenna_gain_dbi(&antenna, edge) - (8 - 3.0103)) < 1e-4);
    assert_true(fabs(antenna_gain_dbi(&antenna, behind) - (8 - 25)) < 1e-9);
    antenna.pattern = ANTENNA_DIPOLE;
    assert_true(fabs(antenna_gain_dbi(&antenna, ahead) - (8 - 25)) < 1e-9); /* along its axis */
    const double off[3] = {1, 1, 0}; /* 45 degrees: (cos(pi/2 cos 45) / sin 45)^2 = 0.394 */
    assert_true(fabs(antenna_gain_dbi(&antenna, off) - (8 - 4.043)) < 1e-2);
}

/* ---- ways ---- */

static struct air_cfg hall_cfg(size_t n_tags)
{
    struct air_cfg cfg = rig_cfg(n_tags);
    cfg.scene.kind = SCENE_HALL;
    cfg.scene.sight = SCENE_SIGHT_BLOCKED;
    cfg.scene.front_to_back_db = 25;
    cfg.scene.clutter_height_m = 6;
    cfg.scene.clutter_size_m = 2;
    cfg.scene.clutter_ratio = 0.6;
    cfg.scene.tags_height_m = 1.5;
    cfg.scene.tx_antenna.gain_dbi = cfg.scene.rx_antenna.gain_dbi = NAN;
    cfg.scene.emitter_antenna.gain_dbi = NAN;
    cfg.scene.energy_dbm = 20;
    cfg.scene.energy_offset_hz = 20e3;
    strcpy(cfg.scene.hall_m, "120,60,10");
    strcpy(cfg.scene.tx_at, "20,30,8");
    return cfg;
}

static struct air *hall_air(const struct air_cfg *cfg, unsigned n_rx)
{
    struct air *air = NULL;
    if (air_new(cfg, 2e6, FREQ_HZ, 1, n_rx, &air) != ST_OK) {
        fail_msg("%s", status_detail());
    }
    return air;
}

static struct air_tag_truth truth_of(const struct air *air, size_t index)
{
    struct air_tag_truth truth;
    air_tag_read(air, index, &truth);
    return truth;
}

static double db(double ratio)
{
    return 20 * log10(ratio);
}

/* Reader at 20,30,8, tag at 50,30,1.5: 30.696 m. Median losses at 0.91 GHz by hand. */
static const struct {
    const char *name;
    int path, sight;
    double at_1m_db, slope_db;
} ways[] = {
    {"free space", PATHLOSS_FREE_SPACE, SCENE_SIGHT_BLOCKED, 31.6286, 20},
    {"InF-DH", PATHLOSS_INF_DH, SCENE_SIGHT_BLOCKED, 32.8108, 21.9},
    {"InF-DH in sight", PATHLOSS_INF_DH, SCENE_SIGHT_CLEAR, 31.0618, 21.5},
    {"InF-DL taken high", PATHLOSS_INF_DL, SCENE_SIGHT_BLOCKED, 32.8108, 21.9},
};

static void air_scene_powers_are_the_budgets(void **state)
{
    (void)state;
    const double distance_m = sqrt(30.0 * 30.0 + 6.5 * 6.5);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct air_cfg cfg = hall_cfg(1);
        cfg.scene.path = ways[i].path;
        cfg.scene.sight = ways[i].sight;
        cfg.scene.polarisation_loss_db = 3;
        cfg.scene.down_loss_db = 5.9;
        cfg.scene.up_loss_db = 8.9;
        cfg.scene.rx_antenna.gain_dbi = 1;
        cfg.device.amplifier_db = 10;
        strcpy(cfg.scene.tags_at, "50,30,1.5");
        struct air *air = hall_air(&cfg, 1);
        const struct air_tag_truth truth = truth_of(air, 0);
        double loss_db = ways[i].at_1m_db + ways[i].slope_db * log10(distance_m);
        double power_dbm = 20 + 6 + 2 - 3 - 5.9 - loss_db;
        double back_db = 2 + 1 - 3 - 8.9 - loss_db - 6 + 10 - 6; /* modulation, amplifier, scale */
        assert_true(fabs(truth.power_dbm - power_dbm) < 2e-3);
        assert_true(fabs(db(cabs((double _Complex)truth.gain)) - (power_dbm + back_db)) < 4e-3);
        assert_true(truth.at_m[0] == 50 && truth.at_m[1] == 30 && truth.at_m[2] == 1.5);
        assert_int_equal(truth.tx_in_sight, ways[i].sight == SCENE_SIGHT_CLEAR);
        air_free(&air);
    }
}

/* A reader below the clutter: InF-DL of a hall that is told as InF-DH. */
static void air_scene_low_readers_are_low(void **state)
{
    (void)state;
    struct air_cfg cfg = hall_cfg(1);
    cfg.scene.path = PATHLOSS_INF_DH;
    strcpy(cfg.scene.tx_at, "20,30,1.5");
    strcpy(cfg.scene.tags_at, "30,30,1.5");
    struct air *air = hall_air(&cfg, 1);
    /* InF-DL 53.48, InF-SL 57.68, LOS 52.56 dB: the largest */
    double loss_db = 33.00 + 25.5 + 20 * log10(0.91);
    assert_true(fabs(truth_of(air, 0).power_dbm - (28 - loss_db)) < 1e-3);
    air_free(&air);
}

/* Straight down from the ceiling at 90 degrees of beam: 45 degrees off is 3 dB less. */
static void air_scene_patterns_are_in_the_ways(void **state)
{
    (void)state;
    struct air_cfg cfg = hall_cfg(2);
    cfg.scene.tx_antenna.pattern = ANTENNA_SECTOR;
    cfg.scene.tx_antenna.beam_deg = 90;
    strcpy(cfg.scene.tags_at, "20,30,1 27,30,1");
    struct air *air = hall_air(&cfg, 1);
    double down_dbm = 28 - 31.6286 - db(7);
    assert_true(fabs(truth_of(air, 0).power_dbm - down_dbm) < 1e-3);
    assert_true(fabs(truth_of(air, 1).power_dbm - (down_dbm - 3.0103 - 3.0103)) < 1e-3);
    air_free(&air);
}

/* The leak: leak_db where they stand together, else Friis between them, 0 dBi to the side of a down
 * beam's 25 dB floor. */
static void air_scene_leaks_follow_the_places(void **state)
{
    (void)state;
    struct air_cfg cfg = hall_cfg(0);
    struct rig_moments m;
    float _Complex *rx[2] = {rig_samples(2000), rig_samples(2000)};
    strcpy(cfg.scene.rx_at, "20,30,8 60,30,8");
    cfg.scene.rx_antenna.pattern = ANTENNA_SECTOR;
    cfg.scene.rx_antenna.beam_deg = 90;
    rig_record(&cfg, 2e6, NULL, 1.0, rx, 2, 2000, 500);
    m = rig_moments_of(rx[0], 2000);
    assert_true(fabs(db(cabs(m.mean)) - (20 - 20 - 6)) < 1e-3);
    m = rig_moments_of(rx[1], 2000);
    assert_true(fabs(db(cabs(m.mean)) - (20 + 6 + 6 - 25 - 31.6286 - db(40) - 6)) < 2e-3);
    free(rx[0]);
    free(rx[1]);
}

/* ---- draws ---- */

static double los_share(double distance_m, int path, const char *reader, size_t n_tags)
{
    struct air_cfg cfg = hall_cfg(n_tags);
    cfg.scene.path = path;
    cfg.scene.sight = SCENE_SIGHT_DRAWN;
    strcpy(cfg.scene.tx_at, reader);
    snprintf(cfg.scene.tags_circles, sizeof cfg.scene.tags_circles, "%g,30,0.01", 20 + distance_m);
    struct air *air = hall_air(&cfg, 1);
    size_t n_clear = 0;
    for (size_t i = 0; i < n_tags; i++) {
        const struct air_tag_truth truth = truth_of(air, i);
        n_clear += truth.tx_in_sight;
        assert_int_equal(truth.tx_in_sight, truth.rx_in_sight); /* the same way back */
    }
    air_free(&air);
    return (double)n_clear / (double)n_tags;
}

/* exp(-d / k), k = -2 / ln 0.4, and times (8 - 1.5) / (6 - 1.5) for the high reader; n = 3000, 4 sigma
 * of a share are 0.037 at most. */
static void air_scene_sight_has_its_probability(void **state)
{
    (void)state;
    double k_m = -2 / log(0.4);
    assert_true(fabs(los_share(3, PATHLOSS_INF_DL, "20,30,1.5", 3000) - exp(-3 / k_m)) < 0.037);
    k_m *= 6.5 / 4.5;
    assert_true(fabs(los_share(3, PATHLOSS_INF_DH, "20,30,8", 3000) - exp(-3 / k_m)) < 0.037);
    assert_true(los_share(80, PATHLOSS_INF_DH, "20,30,8", 300) == 0);
}

/* Shadow: sigma 4.0 dB (InF-DH), mean 0, the same on both ways. n = 4000: 4 sigma of the mean are
 * 0.25 dB, of the standard deviation 0.18 dB. */
static void air_scene_shadow_has_its_sigma(void **state)
{
    (void)state;
    const size_t n = 4000;
    struct air_cfg cfg = hall_cfg(n);
    cfg.scene.path = PATHLOSS_INF_DH;
    strcpy(cfg.scene.tags_circles, "60,30,0.001");
    struct air *plain = hall_air(&cfg, 1);
    cfg.scene.shadow = true;
    struct air *air = hall_air(&cfg, 1);
    double sum = 0;
    double square = 0;
    for (size_t i = 0; i < n; i++) {
        const struct air_tag_truth was = truth_of(plain, i);
        const struct air_tag_truth is = truth_of(air, i);
        double change_db = is.power_dbm - was.power_dbm;
        double both_db = db(cabs((double _Complex)is.gain)) - db(cabs((double _Complex)was.gain));
        assert_true(fabs(both_db - 2 * change_db) < 1e-3);
        sum += change_db;
        square += change_db * change_db;
    }
    double mean = sum / (double)n;
    assert_true(fabs(mean) < 0.25);
    assert_true(fabs(sqrt(square / (double)n - mean * mean) - 4.0) < 0.18);
    air_free(&plain);
    air_free(&air);
}

/* Tags fill their area evenly: in circles the mean of r^2 is R^2 / 2, in rectangles the variance of x is
 * L^2 / 12; n = 4000, bounds are 4 sigma and more. */
static void air_scene_tags_fill_their_area(void **state)
{
    (void)state;
    const size_t n = 4000;
    struct air_cfg cfg = hall_cfg(n);
    strcpy(cfg.scene.tags_circles, "20,20,10 90,40,5");
    struct air *air = hall_air(&cfg, 1);
    double square[2] = {0};
    for (size_t i = 0; i < n; i++) {
        const struct air_tag_truth truth = truth_of(air, i);
        const double *centre =
            i % 2 == 0 ? (const double[]){20, 20, 10} : (const double[]){90, 40, 5};
        double r = hypot(truth.at_m[0] - centre[0], truth.at_m[1] - centre[1]) / centre[2];
        assert_true(r <= 1 && truth.at_m[2] == 1.5);
        square[i % 2] += r * r / (double)(n / 2);
    }
    assert_true(fabs(square[0] - 0.5) < 0.026 && fabs(square[1] - 0.5) < 0.026);
    air_free(&air);
    cfg.scene.tags_circles[0] = '\0';
    air = hall_air(&cfg, 1);
    double sum[2] = {0};
    for (size_t i = 0; i < n; i++) {
        const struct air_tag_truth truth = truth_of(air, i);
        assert_true(truth.at_m[0] >= 0 && truth.at_m[0] <= 120 && truth.at_m[1] <= 60);
        sum[0] += truth.at_m[0] / (double)n;
        sum[1] += (truth.at_m[0] - 60) * (truth.at_m[0] - 60) / (double)n;
    }
    assert_true(fabs(sum[0] - 60) < 2.2 && fabs(sum[1] / 1200 - 1) < 0.06);
    air_free(&air);
}

/* Who adds antennas and emitters sees the same tags; another seed, others. */
static void air_scene_draws_belong_to_their_ways(void **state)
{
    (void)state;
    struct air_cfg cfg = hall_cfg(50);
    cfg.scene.path = PATHLOSS_INF_DH;
    cfg.scene.sight = SCENE_SIGHT_DRAWN;
    cfg.scene.shadow = true;
    struct air *air = hall_air(&cfg, 1);
    strcpy(cfg.scene.energy_at, "100,30,8 60,10,8");
    strcpy(cfg.scene.rx_at, "20,30,8 60,30,8");
    struct air *more = hall_air(&cfg, 2);
    cfg.seed++;
    struct air *other = hall_air(&cfg, 2);
    size_t n_same = 0;
    for (size_t i = 0; i < 50; i++) {
        const struct air_tag_truth a = truth_of(air, i);
        const struct air_tag_truth b = truth_of(more, i);
        assert_true(a.power_dbm == b.power_dbm && a.gain == b.gain);
        assert_memory_equal(a.at_m, b.at_m, sizeof a.at_m);
        n_same += truth_of(other, i).power_dbm == a.power_dbm;
    }
    assert_int_equal(n_same, 0);
    air_free(&air);
    air_free(&more);
    air_free(&other);
}

/* ---- devices ---- */

/* A tag that only an energy emitter feeds: 20 m of free space, 20 + 6 + 2 - 57.65 = -29.65 dBm. */
static void air_scene_emitters_feed_tags(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct air_cfg cfg = hall_cfg(1);
        cfg.tag_sensitivity_spread_db = 0;
        cfg.tag_sensitivity_dbm = k == 0 ? -29.75 : -29.55;
        strcpy(cfg.scene.energy_at, "60,30,8");
        strcpy(cfg.scene.tags_at, "60,50,8");
        struct air *air = hall_air(&cfg, 1);
        float _Complex *silence = rig_samples(4000);
        float _Complex *heard = rig_samples(4000);
        air_step(air, (const float _Complex *[]){silence}, (float _Complex *[]){heard}, 4000);
        assert_int_equal(truth_of(air, 0).is_running, k == 0);
        free(silence);
        free(heard);
        air_free(&air);
    }
}

static struct rig_reply ask(struct rig *rig, const struct air_cfg *cfg)
{
    char command[64];
    rig_open(rig, cfg, 2e6);
    rig_cw(rig, 2000);
    rig_query(&rig_link_a, 0, 0, 0, 0, command);
    rig_command(rig, &rig_link_a, command, true);
    rig_wait(rig, 1000);
    return rig_find(rig);
}

/* It runs from -60 dBm on, but tells commands from a level of its own on: 0.1 dB decides. */
static void air_scene_commands_have_their_level(void **state)
{
    (void)state;
    double power_dbm = 28 - 31.6286 - db(10);
    for (int k = 0; k < 2; k++) {
        struct rig rig;
        struct air_cfg cfg = hall_cfg(1);
        cfg.tag_sensitivity_dbm = -60;
        cfg.tag_sensitivity_spread_db = 0;
        cfg.device.command_dbm = power_dbm + (k == 0 ? -0.1 : 0.1);
        strcpy(cfg.scene.tags_at, "30,30,8");
        assert_int_equal(ask(&rig, &cfg).is_heard, k == 0);
        assert_true(truth_of(rig.air, 0).is_running);
        rig_close(&rig);
    }
}

/* -10 dBm of its own over 10 m of free space into 6 dBi; nothing of it while it is idle; with an offset
 * of 5 kHz it turns 0.0625 times in 12.5 us. */
static void air_scene_tags_key_their_own_carrier(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct rig rig;
        struct air_cfg cfg = hall_cfg(1);
        cfg.tag_sensitivity_dbm = -60;
        cfg.device.carrier_dbm = -10;
        cfg.device.carrier_offset_hz = k == 0 ? 0 : 5e3;
        cfg.leak_db = -60;
        strcpy(cfg.scene.tags_at, "30,30,8");
        const struct rig_reply reply = ask(&rig, &cfg);
        double swing_dbm = -10 + 2 + 6 - 31.6286 - db(10);
        assert_true(reply.is_heard);
        assert_true(fabs(db(reply.swing) - (swing_dbm - 6)) < 0.01);
        assert_true(fabs(db(cabs((double _Complex)reply.idle)) - (20 - 60 - 6)) < 1e-3);
        assert_true(fabs(db(2 * cabs((double _Complex)truth_of(rig.air, 0).gain)) -
                         (swing_dbm - 6)) < 1e-3);
        size_t at = rig_index(&rig, rig.last_rise_us + reply.start_us + 2);
        double _Complex first = (double _Complex)(rig.rx[at] - reply.idle);
        double _Complex later = (double _Complex)(rig.rx[at + 16] - reply.idle);
        assert_true(fabs(rig_wrap(carg(later / first) / 2 / M_PI - (k == 0 ? 0 : 0.04))) < 1e-3);
        rig_close(&rig);
    }
}

/* ---- refusals ---- */

struct refusal {
    size_t offset;
    const char *text, *says;
};
#define REFUSE(field, text, says)                                                                  \
    {                                                                                              \
        offsetof(struct air_cfg, scene.field), text, says                                          \
    }

static void air_scene_refuses_by_name(void **state)
{
    (void)state;
    static const struct refusal rows[] = {
        REFUSE(tx_at, "", "radio.sim.tx_at is not set"),
        REFUSE(tx_at, "20,30", "accepted: x,y,z in metres"),
        REFUSE(tx_at, "20,30,11", "outside radio.sim.hall_m"),
        REFUSE(rx_at, "-1,30,5", "radio.sim.rx_at is -1,30,5: outside"),
        REFUSE(energy_at, "20,30,8 q", "radio.sim.energy_at"),
        REFUSE(hall_m, "120,60", "length,width,height"),
        REFUSE(hall_m, "120,0,10", "above 0 m"),
        REFUSE(tags_at, "20,30,9", "device height is 9 m, accepted up to the reader's 8 m"),
        REFUSE(tags_at, "20,30,7.5", "distance is 0.5 m, accepted with path model inf_dh"),
        REFUSE(tags_at, "20,30,12", "outside"),
        REFUSE(tags_circles, "5,5,6", "radio.sim.tags_circles"),
        REFUSE(tags_circles, "5,5,-1", "radius above 0"),
        REFUSE(tags_rectangle, "5,5,4,6", "x0 up to x1"),
        REFUSE(tags_rectangle, "0,0,9,9 1,1,2,2", "up to 1 times"),
        REFUSE(tx_antenna.aim, "1", "radio.sim.tx_aim"),
        REFUSE(emitter_antenna.aim, "1,2,3", "radio.sim.emitter_aim"),
    };
    struct air *air = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct air_cfg cfg = hall_cfg(3);
        cfg.scene.path = PATHLOSS_INF_DH;
        snprintf((char *)&cfg + rows[i].offset, LIMIT_TEXT, "%s", rows[i].text);
        assert_int_not_equal(air_new(&cfg, 2e6, FREQ_HZ, 1, 1, &air), ST_OK);
        if (!strstr(status_detail(), rows[i].says)) {
            fail_msg("'%s' does not say '%s'", status_detail(), rows[i].says);
        }
        assert_null(air);
    }
}

static void refused(const struct air_cfg *cfg, double freq_hz, const char *says)
{
    struct air *air = NULL;
    assert_int_not_equal(air_new(cfg, 2e6, freq_hz, 1, 1, &air), ST_OK);
    if (!strstr(status_detail(), says)) {
        fail_msg("'%s' does not say '%s'", status_detail(), says);
    }
}

static void air_scene_refuses_what_does_not_fit(void **state)
{
    (void)state;
    struct air_cfg cfg = hall_cfg(3);
    strcpy(cfg.scene.tags_at, "30,30,1");
    strcpy(cfg.scene.tags_circles, "30,30,1");
    refused(&cfg, FREQ_HZ, "one of tags_at, tags_circles, tags_rectangle");
    cfg = hall_cfg(3);
    cfg.emitter[1].level_db = -10;
    refused(&cfg, FREQ_HZ, "radio.sim.emitters_at is not set");
    cfg = hall_cfg(3);
    strcpy(cfg.scene.energy_at, "30,30,8 40,30,8");
    cfg.scene.energy_step_hz = 2e6;
    refused(&cfg, FREQ_HZ, "emitter 1 at 2.02e+06 Hz");
    cfg = hall_cfg(3);
    cfg.scene.tx_antenna.pattern = ANTENNA_SECTOR;
    refused(&cfg, FREQ_HZ, "radio.sim.tx_beam_deg is 0");
    cfg = hall_cfg(3);
    cfg.scene.path = PATHLOSS_INF_DH;
    refused(&cfg, 400e6, "the frequency of the simulated air is 0.4 GHz");
    cfg.scene.clutter_ratio = 0.2;
    refused(&cfg, FREQ_HZ, "clutter ratio is 0.2");
    cfg = rig_cfg(3);
    strcpy(cfg.scene.tx_at, "1,1,1");
    refused(&cfg, FREQ_HZ, "radio.sim.tx_at is '1,1,1', accepted with radio.sim.scene hall");
    cfg = rig_cfg(3);
    cfg.scene.path = PATHLOSS_INF_DH;
    refused(&cfg, FREQ_HZ, "radio.sim.path is set, accepted with radio.sim.scene hall");
    cfg = rig_cfg(3);
    cfg.device.carrier_dbm = -10;
    cfg.tag_level_db = -60;
    refused(&cfg, FREQ_HZ, "radio.sim.tag_carrier_dbm is -10 beside tag_level_db");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(air_scene_reads_places),
        cmocka_unit_test(air_scene_patterns_integrate),
        cmocka_unit_test(air_scene_beams_have_their_width),
        cmocka_unit_test(air_scene_powers_are_the_budgets),
        cmocka_unit_test(air_scene_low_readers_are_low),
        cmocka_unit_test(air_scene_patterns_are_in_the_ways),
        cmocka_unit_test(air_scene_leaks_follow_the_places),
        cmocka_unit_test(air_scene_sight_has_its_probability),
        cmocka_unit_test(air_scene_shadow_has_its_sigma),
        cmocka_unit_test(air_scene_tags_fill_their_area),
        cmocka_unit_test(air_scene_draws_belong_to_their_ways),
        cmocka_unit_test(air_scene_emitters_feed_tags),
        cmocka_unit_test(air_scene_commands_have_their_level),
        cmocka_unit_test(air_scene_tags_key_their_own_carrier),
        cmocka_unit_test(air_scene_refuses_by_name),
        cmocka_unit_test(air_scene_refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
