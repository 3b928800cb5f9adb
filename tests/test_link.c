/* test_link.c - link parameters, timing, durations; every limit from both sides. */
#include "golden.h"

#include <math.h>

#include "protocol/link.h"

#define DR_AUTO 0
#define DR_8 1
#define DR_64_3 2

static const struct link_cfg profile_a = {25, 2.0, 0.5, 40e3, DR_AUTO, LINK_FM0, false};

/* The golden tables print three decimals. */
static void assert_us(double value, double expected)
{
    if (!(fabs(value - expected) <= 6e-4)) {
        fail_msg("%.6f us, expected %.6f", value, expected);
    }
}

static enum link_m m_of(double cycles)
{
    return cycles == 8 ? LINK_M8 : cycles == 4 ? LINK_M4 : cycles == 2 ? LINK_M2 : LINK_FM0;
}

static void link_timing_matches_golden(void **state)
{
    (void)state;
    json_t *list = golden_load("link_timing");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct link_cfg cfg = profile_a;
        struct link link;
        cfg.tari_us = golden_number(item, "Tari_us");
        cfg.data1_tari = golden_number(item, "data1");
        cfg.blf_hz = 1e3 * golden_number(item, "BLF_kHz");
        cfg.dr = strcmp(golden_text(item, "DR"), "8") ? DR_64_3 : DR_8;
        assert_int_equal(link_make(&cfg, &link), ST_OK);
        assert_us(link.rtcal_us, golden_number(item, "RTcal_us"));
        assert_us(link.trcal_us, golden_number(item, "TRcal_us"));
        assert_us(link.tpri_us, golden_number(item, "Tpri_us"));
        assert_us(link.t1_nom_us, golden_number(item, "T1_nom"));
        assert_us(link.t1_min_us, golden_number(item, "T1_min"));
        assert_us(link.t1_max_us, golden_number(item, "T1_max"));
        assert_us(link.t2_min_us, golden_number(item, "T2_min"));
        assert_us(link.t2_max_us, golden_number(item, "T2_max"));
        assert_us(link.t4_min_us, golden_number(item, "T4_min"));
        assert_us(link.t5_max_us, golden_number(item, "T5_max"));
        assert_us(100 * link.frt_ratio, golden_number(item, "FrT_nominal_pct"));
        assert_us(100 * link.frt_ext_ratio, golden_number(item, "FrT_ext_pct"));
    }
    json_decref(list);
}

static void link_slot_times_match_golden(void **state)
{
    (void)state;
    static const uint8_t query_rep[4] = {0};
    uint8_t ack[18] = {0, 1};
    json_t *list = golden_load("inventory_rates");
    assert_int_equal(json_array_size(list), 9); /* A, B, C, B2, C2, D to G */
    for (size_t i = 0; i < 9; i++) {
        const json_t *item = json_array_get(list, i);
        struct link_cfg cfg = profile_a;
        struct link link;
        cfg.tari_us = golden_number(item, "Tari_us");
        cfg.data1_tari = golden_number(item, "data1");
        cfg.blf_hz = 1e3 * golden_number(item, "BLF_kHz");
        cfg.m = m_of(golden_number(item, "M"));
        cfg.trext = golden_number(item, "TRext") != 0;
        assert_int_equal(link_make(&cfg, &link), ST_OK);
        golden_bits("0110110000001010", ack + 2); /* the RN16 of the fact sheet, 6C0A */
        double rep_us = link_command_us(&link, query_rep, 4, false);
        double ack_us = link_command_us(&link, ack, 18, false);
        double rn16_us = link_reply_us(&link, 16, false);
        double epc_us = link_reply_us(&link, 128, false);
        assert_us(rep_us, golden_number(item, "T_queryrep_us"));
        assert_us(ack_us, golden_number(item, "T_ack_us"));
        assert_us(rn16_us, golden_number(item, "T_rn16_us"));
        assert_us(epc_us, golden_number(item, "T_epc_us"));
        assert_us(rep_us + fmax(link.t1_max_us, link.t4_min_us), golden_number(item, "T_empty_us"));
        double collided_us = rep_us + link.t1_nom_us + rn16_us + link.t2_min_us;
        assert_us(collided_us, golden_number(item, "T_collided_us"));
        assert_us(collided_us + ack_us + link.t1_nom_us + epc_us + link.t2_min_us,
                  golden_number(item, "T_success_us"));
    }
    json_decref(list);
}

static void link_command_duration_is_sum_of_pie_segments(void **state)
{
    (void)state;
    json_t *list = golden_load("pie");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const json_t *segments = json_object_get(item, "segments");
        uint8_t bit[64];
        size_t n_bits = golden_bits(golden_text(item, "bits"), bit);
        struct link_cfg cfg = profile_a;
        struct link link;
        double sum_us = 0;
        for (size_t k = 0; k < json_array_size(segments); k++) {
            sum_us += json_number_value(json_array_get(json_array_get(segments, k), 1));
        }
        /* the first low segment after the delimiter is PW = Tari / 2 */
        double pw_us = json_number_value(json_array_get(json_array_get(segments, 2), 1));
        if (pw_us < 4) {
            cfg = (struct link_cfg){2 * pw_us, 1.5, 0.5, 640e3, DR_AUTO, LINK_FM0, false};
        }
        assert_int_equal(link_make(&cfg, &link), ST_OK);
        assert_us(link.pw_us, pw_us);
        assert_us(link_command_us(&link, bit, n_bits, n_bits == 22), sum_us);
        assert_us(sum_us, golden_number(item, "total_us"));
    }
    json_decref(list);
}

static void link_exchange_durations_match_golden(void **state)
{
    (void)state;
    json_t *list = golden_load("exchanges");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const json_t *params = json_object_get(item, "params");
        const json_t *messages = json_object_get(item, "messages");
        struct link_cfg cfg = profile_a;
        struct link link;
        cfg.tari_us = golden_number(params, "Tari_us");
        cfg.data1_tari = golden_number(params, "data1_Tari");
        cfg.blf_hz = 1e3 * golden_number(params, "BLF_kHz");
        cfg.dr = strcmp(golden_text(params, "DR"), "8") ? DR_64_3 : DR_8;
        cfg.m = m_of(golden_number(params, "M"));
        assert_int_equal(link_make(&cfg, &link), ST_OK);
        for (size_t k = 0; k < json_array_size(messages); k++) {
            const json_t *message = json_array_get(messages, k);
            const char *name = golden_text(message, "message");
            uint8_t bit[256];
            size_t n_bits = golden_bits(golden_text(message, "bits"), bit);
            double us = strcmp(golden_text(message, "dir"), "R=>T")
                            ? link_reply_us(&link, n_bits, false)
                            : link_command_us(&link, bit, n_bits, !strncmp(name, "Query Q", 7));
            assert_us(us, golden_number(message, "duration_us"));
        }
    }
    json_decref(list);
}

/* Inside every row of the table, and on its closed ends. */
static void link_tolerance_matches_golden(void **state)
{
    (void)state;
    json_t *list = golden_load("blf_tolerance");
    assert_int_equal(json_array_size(list), 16);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        bool dr8 = strcmp(golden_text(item, "DR"), "8") == 0;
        double low = golden_number(item, "BLF_low");
        double high = golden_number(item, "BLF_high");
        const double blf_khz[] = {low, (low + high) / 2, high};
        const bool inside[] = {golden_number(item, "low_inclusive") != 0, low < high,
                               golden_number(item, "high_inclusive") != 0};
        for (size_t k = 0; k < 3; k++) {
            double nominal = 0;
            double extended = 0;
            if (!inside[k]) {
                continue;
            }
            double trcal_us = (dr8 ? 8.0 : 64.0 / 3.0) / blf_khz[k] * 1e3;
            assert_int_equal(
                link_tolerance(dr8 ? LINK_DR_8 : LINK_DR_64_3, trcal_us, &nominal, &extended),
                ST_OK);
            assert_us(100 * nominal, golden_number(item, "nominal_pct"));
            assert_us(100 * extended, golden_number(item, "extended_pct"));
        }
    }
    double ratio;
    assert_int_equal(link_tolerance(LINK_DR_8, 17.1, &ratio, &ratio), ST_RANGE);
    assert_int_equal(link_tolerance(LINK_DR_8, 201, &ratio, &ratio), ST_RANGE);
    assert_int_equal(link_tolerance(LINK_DR_64_3, 33.2, &ratio, &ratio), ST_RANGE);
    assert_int_equal(link_tolerance(LINK_DR_64_3, 226, &ratio, &ratio), ST_RANGE);
    assert_int_equal(link_tolerance(LINK_DR_8, NAN, &ratio, &ratio), ST_RANGE);
    json_decref(list);
}

static void link_refuses_what_the_standard_forbids(void **state)
{
    (void)state;
    static const struct {
        struct link_cfg cfg;
        const char *says;
    } wrong[] = {
        {{6.2, 2.0, 0.5, 320e3, DR_8, LINK_FM0, false}, "link.tari_us"},
        {{25.1, 2.0, 0.5, 40e3, DR_8, LINK_FM0, false}, "link.tari_us"},
        {{25, 1.49, 0.5, 64e3, DR_8, LINK_FM0, false}, "link.data1_tari"},
        {{25, 2.01, 0.5, 40e3, DR_8, LINK_FM0, false}, "link.data1_tari"},
        {{25, 2.0, 0.26, 40e3, DR_8, LINK_FM0, false}, "link.pw_tari"},
        {{25, 2.0, 0.53, 40e3, DR_8, LINK_FM0, false}, "link.pw_tari"},
        {{6.25, 2.0, 0.319, 320e3, DR_8, LINK_FM0, false}, "2 us"}, /* 1.99 us */
        {{25, 2.0, 0.5, 39e3, DR_8, LINK_FM0, false}, "link.blf_hz"},
        {{6.25, 2.0, 0.5, 641e3, DR_64_3, LINK_FM0, false}, "link.blf_hz"},
        {{6.25, 2.0, 0.5, 470e3, DR_8, LINK_FM0, false}, "40000..465000"},
        {{25, 2.0, 0.5, 94e3, DR_64_3, LINK_FM0, false}, "95000..640000"},
        {{25, 1.6, 0.5, 40e3, DR_AUTO, LINK_FM0, false}, "TRcal"}, /* pitfall 1 */
        {{25, 2.0, 0.5, 160e3, DR_8, LINK_FM0, false}, "TRcal"},
        {{25, 2.0, 0.5, 640e3, DR_AUTO, LINK_FM0, false}, "TRcal"},
        {{NAN, 2.0, 0.5, 40e3, DR_8, LINK_FM0, false}, "link.tari_us"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct link link;
        assert_int_equal(link_make(&wrong[i].cfg, &link), ST_RANGE);
        if (!strstr(status_detail(), wrong[i].says)) {
            fail_msg("case %zu: '%s' does not say '%s'", i, status_detail(), wrong[i].says);
        }
    }
}

static void link_accepts_the_borders(void **state)
{
    (void)state;
    static const struct link_cfg right[] = {
        {6.25, 1.5, 0.32, 640e3, DR_64_3, LINK_FM0, false}, /* PW 2 us */
        {6.25, 2.0, 0.525, 465e3, DR_AUTO, LINK_M2, true},
        {25, 2.0, 0.265, 40e3, DR_8, LINK_M8, false},
        {25, 5.0 / 3.0, 0.5, 40e3, DR_8, LINK_FM0, false},           /* TRcal = 3 RTcal */
        {25, 2.0, 0.5, 64e3 / 3 / 82.5e-3, DR_64_3, LINK_FM0, true}, /* TRcal = 1.1 RTcal */
        {25, 2.0, 0.5, 95e3, DR_64_3, LINK_FM0, true},
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        struct link link;
        if (link_make(&right[i], &link)) {
            fail_msg("case %zu: %s", i, status_detail());
        }
    }
}

static void link_dr_auto_prefers_8(void **state)
{
    (void)state;
    struct link link;
    struct link_cfg cfg = profile_a;
    assert_int_equal(link_make(&cfg, &link), ST_OK);
    assert_int_equal(link.dr, LINK_DR_8);
    cfg.blf_hz = 160e3; /* TRcal 50 < 1.1 RTcal */
    assert_int_equal(link_make(&cfg, &link), ST_OK);
    assert_int_equal(link.dr, LINK_DR_64_3);
    cfg.tari_us = 12.5;
    assert_int_equal(link_make(&cfg, &link), ST_OK);
    assert_int_equal(link.dr, LINK_DR_8);
}

static void link_pilot_lengthens_the_reply(void **state)
{
    (void)state;
    struct link link;
    struct link_cfg cfg = profile_a;
    assert_int_equal(link_make(&cfg, &link), ST_OK);
    assert_us(link_reply_us(&link, 33, true), 1300); /* table 2.5 */
    cfg = (struct link_cfg){12.5, 2.0, 0.5, 160e3, DR_8, LINK_M8, true};
    assert_int_equal(link_make(&cfg, &link), ST_OK);
    assert_us(link_reply_us(&link, 16, false), 1950);
    assert_us(link_reply_us(&link, 145, true), 8400);
}

static void link_from_air_is_lenient(void **state)
{
    (void)state;
    struct link link;
    assert_int_equal(link_from_measured(24.5, 71, 204, LINK_DR_8, LINK_M4, true, &link), ST_OK);
    assert_us(link.blf_hz / 1e6, 8.0 / 204);
    assert_int_equal(link.m_cycles, 4);
    assert_us(link.data1_us, 46.5);
    assert_int_equal(link_from_measured(5, 15, 33, LINK_DR_64_3, LINK_FM0, false, &link), ST_RANGE);
    assert_int_equal(link_from_measured(25, 50, 133, LINK_DR_64_3, LINK_FM0, false, &link),
                     ST_RANGE);
    assert_int_equal(link_from_measured(25, 75, 260, LINK_DR_64_3, LINK_FM0, false, &link),
                     ST_RANGE);
    assert_int_equal(link_from_measured(NAN, 75, 200, LINK_DR_8, LINK_FM0, false, &link), ST_RANGE);
}

static void link_options_default_to_profile_a(void **state)
{
    (void)state;
    const struct option_table *tables[] = {&link_options};
    struct option_set *set = NULL;
    struct link_cfg cfg;
    assert_int_equal(option_set_new(tables, 1, &set), ST_OK);
    option_fill(set, &link_options, &cfg);
    assert_true(cfg.tari_us == profile_a.tari_us);
    assert_true(cfg.data1_tari == profile_a.data1_tari);
    assert_true(cfg.pw_tari == profile_a.pw_tari);
    assert_true(cfg.blf_hz == profile_a.blf_hz);
    assert_int_equal(cfg.dr, profile_a.dr);
    assert_int_equal(cfg.m, profile_a.m);
    assert_false(cfg.trext);
    assert_int_equal(option_set_text(set, "link.m", "miller8", "test"), ST_OK);
    assert_int_equal(option_set_text(set, "link.dr", "64/3", "test"), ST_OK);
    option_fill(set, &link_options, &cfg);
    assert_int_equal(cfg.m, LINK_M8);
    assert_int_equal(cfg.dr, DR_64_3);
    option_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_timing_matches_golden),
        cmocka_unit_test(link_slot_times_match_golden),
        cmocka_unit_test(link_command_duration_is_sum_of_pie_segments),
        cmocka_unit_test(link_exchange_durations_match_golden),
        cmocka_unit_test(link_tolerance_matches_golden),
        cmocka_unit_test(link_refuses_what_the_standard_forbids),
        cmocka_unit_test(link_accepts_the_borders),
        cmocka_unit_test(link_dr_auto_prefers_8),
        cmocka_unit_test(link_pilot_lengthens_the_reply),
        cmocka_unit_test(link_from_air_is_lenient),
        cmocka_unit_test(link_options_default_to_profile_a),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
