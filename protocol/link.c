/* link.c - link parameters and timing, every limit checked. */
#include "protocol/link.h"

#include <math.h>

#include "config/require.h"

#define LINK_DELIMITER_US 12.5
#define LINK_T5_MAX_US 20000.0
#define LINK_PW_FLOOR_US 2.0
#define LINK_EPSILON 1e-9         /* floating-point borders belong to the legal range */
#define LINK_POINT_EPSILON 1.5e-3 /* the standard prints 33.3 for 33.333 us and so on */
#define LINK_MEASURED_SLACK 0.10

enum { LINK_CHOICE_AUTO = 0, LINK_CHOICE_8, LINK_CHOICE_64_3 };

static const struct option_row link_rows[] = {
    {"link.tari_us", OPTION_NUMBER, "us", "25", 6.25, 25.0, NULL,
     offsetof(struct link_cfg, tari_us), "length of data-0 (Gen2 6.3.1.2.4)", "tari"},
    {"link.data1_tari", OPTION_NUMBER, "Tari", "2.0", 1.5, 2.0, NULL,
     offsetof(struct link_cfg, data1_tari), "length of data-1 (Gen2 6.3.1.2.4)", NULL},
    {"link.pw_tari", OPTION_NUMBER, "Tari", "0.5", 0.265, 0.525, NULL,
     offsetof(struct link_cfg, pw_tari), "low pulse of every symbol, at least 2 us", NULL},
    {"link.blf_hz", OPTION_NUMBER, "Hz", "40k", 40e3, 640e3, NULL,
     offsetof(struct link_cfg, blf_hz), "backscatter link frequency", "blf"},
    {"link.dr", OPTION_CHOICE, "", "auto", 0, 0, "auto|8|64/3", offsetof(struct link_cfg, dr),
     "divide ratio; auto: 8 where legal with this Tari, else 64/3", NULL},
    {"link.m", OPTION_CHOICE, "", "fm0", 0, 0, "fm0|miller2|miller4|miller8",
     offsetof(struct link_cfg, m), "line code of the replies", "code"},
    {"link.trext", OPTION_BOOL, "", "no", 0, 0, NULL, offsetof(struct link_cfg, trext),
     "replies start with a pilot tone", NULL},
};

const struct option_table link_options = {"Link parameters", link_rows,
                                          sizeof link_rows / sizeof *link_rows};

struct link_dr_row {
    double ratio;
    double blf_min_hz, blf_max_hz;
    double trcal_min_us, trcal_max_us; /* as the table of 6.3.1.3.3 prints them */
    const char *text;
};

static const struct link_dr_row dr_rows[] = {
    [LINK_DR_8] = {8.0, 40e3, 465e3, 17.2, 200.0, "8"},
    [LINK_DR_64_3] = {64.0 / 3.0, 95e3, 640e3, 100.0 / 3.0, 225.0, "64/3"},
};

/* BLF tolerance, Gen2 6.3.1.3.3; the row reaches from the previous row's TRcal (exclusive) up to
 * trcal_us: inclusive for closed rows, exclusive for open ones. A row that repeats the border of an
 * open row is the point itself. */
struct link_tolerance_row {
    enum link_dr dr;
    double trcal_us;
    bool closed;
    double nominal_ratio, extended_ratio;
};

static const struct link_tolerance_row tolerance_rows[] = {
    {LINK_DR_64_3, 100.0 / 3.0, true, 0.15, 0.15},  /* 640 kHz */
    {LINK_DR_64_3, 200.0 / 3.0, false, 0.22, 0.22}, /* 320 < BLF < 640 kHz */
    {LINK_DR_64_3, 200.0 / 3.0, true, 0.10, 0.15},  /* 320 kHz */
    {LINK_DR_64_3, 250.0 / 3.0, false, 0.12, 0.15}, /* 256 < BLF < 320 kHz */
    {LINK_DR_64_3, 250.0 / 3.0, true, 0.10, 0.10},  /* 256 kHz */
    {LINK_DR_64_3, 400.0 / 3.0, true, 0.10, 0.12},  /* 160 <= BLF < 256 kHz */
    {LINK_DR_64_3, 200.0, true, 0.07, 0.07},        /* 107 <= BLF < 160 kHz */
    {LINK_DR_64_3, 225.0, true, 0.05, 0.05},        /* 95 <= BLF < 107 kHz */
    {LINK_DR_8, 25.0, false, 0.19, 0.19},           /* 320 < BLF <= 465 kHz */
    {LINK_DR_8, 25.0, true, 0.10, 0.15},            /* 320 kHz */
    {LINK_DR_8, 31.25, false, 0.12, 0.15},          /* 256 < BLF < 320 kHz */
    {LINK_DR_8, 31.25, true, 0.10, 0.10},           /* 256 kHz */
    {LINK_DR_8, 50.0, false, 0.10, 0.10},           /* 160 < BLF < 256 kHz */
    {LINK_DR_8, 75.0, true, 0.07, 0.07},            /* 107 <= BLF <= 160 kHz */
    {LINK_DR_8, 200.0, true, 0.04, 0.04},           /* 40 <= BLF < 107 kHz */
};

enum status link_tolerance(enum link_dr dr, double trcal_us, double *nominal_ratio,
                           double *extended_ratio)
{
    require(nominal_ratio);
    require(extended_ratio);
    require(dr == LINK_DR_8 || dr == LINK_DR_64_3);
    const struct link_dr_row *range = &dr_rows[dr];
    bool inside = trcal_us >= range->trcal_min_us * (1 - LINK_POINT_EPSILON);
    for (size_t i = 0; inside && i < sizeof tolerance_rows / sizeof *tolerance_rows; i++) {
        const struct link_tolerance_row *row = &tolerance_rows[i];
        double border_us =
            row->trcal_us * (row->closed ? 1 + LINK_POINT_EPSILON : 1 - LINK_POINT_EPSILON);
        if (row->dr == dr && trcal_us <= border_us) {
            *nominal_ratio = row->nominal_ratio;
            *extended_ratio = row->extended_ratio;
            return ST_OK;
        }
    }
    return status_fail(ST_RANGE, "TRcal %g us with DR %s, accepted %.4g..%.4g us (Gen2 6.3.1.3.3)",
                       trcal_us, range->text, range->trcal_min_us, range->trcal_max_us);
}

static bool link_inside(double value, double min, double max, double slack)
{
    return value >= min * (1 - slack) && value <= max * (1 + slack);
}

static enum status link_check(const char *what, double value, double min, double max,
                              const char *unit, const char *clause)
{
    if (link_inside(value, min, max, LINK_EPSILON)) { /* false for NaN */
        return ST_OK;
    }
    return status_fail(ST_RANGE, "%s is %.6g, accepted %.6g..%.6g %s (Gen2 %s)", what, value, min,
                       max, unit, clause);
}

/* DR decides TRcal, and TRcal must fit both the BLF table and this RTcal. */
static enum status link_check_dr(enum link_dr dr, double blf_hz, double rtcal_us)
{
    const struct link_dr_row *row = &dr_rows[dr];
    enum status status =
        link_check(dr == LINK_DR_8 ? "link.blf_hz with link.dr 8" : "link.blf_hz with link.dr 64/3",
                   blf_hz, row->blf_min_hz, row->blf_max_hz, "Hz", "6.3.1.3.3");
    if (status) {
        return status;
    }
    return link_check(
        dr == LINK_DR_8 ? "TRcal = 8 / link.blf_hz (limits: 1.1..3 RTcal; change link.tari_us, "
                          "link.data1_tari or link.dr)"
                        : "TRcal = 64/3 / link.blf_hz (limits: 1.1..3 RTcal; change link.tari_us, "
                          "link.data1_tari or link.dr)",
        row->ratio / blf_hz * 1e6, 1.1 * rtcal_us, 3.0 * rtcal_us, "us", "6.3.1.2.8");
}

static enum status link_choose_dr(const struct link_cfg *cfg, double rtcal_us, enum link_dr *dr)
{
    require(cfg->dr >= LINK_CHOICE_AUTO);
    require(cfg->dr <= LINK_CHOICE_64_3);
    *dr = cfg->dr == LINK_CHOICE_64_3 ? LINK_DR_64_3 : LINK_DR_8;
    enum status status = link_check_dr(*dr, cfg->blf_hz, rtcal_us);
    if (status && cfg->dr == LINK_CHOICE_AUTO) {
        *dr = LINK_DR_64_3;
        /* below 95 kHz only DR 8 exists: then its message is the helpful one */
        if (cfg->blf_hz < dr_rows[LINK_DR_64_3].blf_min_hz) {
            *dr = LINK_DR_8;
        }
        status = link_check_dr(*dr, cfg->blf_hz, rtcal_us);
    }
    return status;
}

static enum status link_check_pie(const struct link_cfg *cfg)
{
    enum status status = link_check("link.tari_us", cfg->tari_us, 6.25, 25.0, "us", "6.3.1.2.4");
    if (!status) {
        status = link_check("link.data1_tari", cfg->data1_tari, 1.5, 2.0, "Tari", "6.3.1.2.3");
    }
    if (!status) {
        double pw_min_tari = fmax(0.265, LINK_PW_FLOOR_US / cfg->tari_us);
        status = link_check("link.pw_tari (PW: MAX(0.265 Tari, 2 us)..0.525 Tari)", cfg->pw_tari,
                            pw_min_tari, 0.525, "Tari", "6.3.1.2.5");
    }
    if (!status) {
        status = link_check("RTcal = (1 + link.data1_tari) Tari", 1.0 + cfg->data1_tari, 2.5, 3.0,
                            "Tari", "6.3.1.2.8");
    }
    return status;
}

/* Everything that follows from Tari, RTcal, TRcal, DR, M and TRext: Gen2 6.3.1.6. */
static void link_derive(struct link *link)
{
    link->data0_us = link->tari_us;
    link->data1_us = link->rtcal_us - link->tari_us;
    link->delimiter_us = LINK_DELIMITER_US;
    link->tpri_us = 1e6 / link->blf_hz;
    link->m_cycles = 1u << link->m;
    link->t1_nom_us = fmax(link->rtcal_us, 10.0 * link->tpri_us);
    link->t1_min_us = link->t1_nom_us * (1.0 - link->frt_ratio) - 2.0;
    link->t1_max_us = link->t1_nom_us * (1.0 + link->frt_ratio) + 2.0;
    link->t2_min_us = 3.0 * link->tpri_us;
    link->t2_max_us = 20.0 * link->tpri_us;
    link->t4_min_us = 2.0 * link->rtcal_us;
    link->t5_max_us = LINK_T5_MAX_US;
    require(link->t1_min_us < link->t1_max_us);
}

enum status link_make(const struct link_cfg *cfg, struct link *link)
{
    require(cfg);
    require(link);
    require(cfg->m >= LINK_FM0);
    require(cfg->m <= LINK_M8);
    struct link made = {.tari_us = cfg->tari_us, .m = (enum link_m)cfg->m, .trext = cfg->trext};
    enum status status = link_check_pie(cfg);
    if (!status) {
        status = link_check("link.blf_hz", cfg->blf_hz, 40e3, 640e3, "Hz", "6.3.1.3.3");
    }
    if (status) {
        return status;
    }
    made.pw_us = cfg->pw_tari * cfg->tari_us;
    made.rtcal_us = cfg->tari_us * (1.0 + cfg->data1_tari);
    status = link_choose_dr(cfg, made.rtcal_us, &made.dr);
    if (status) {
        return status;
    }
    made.blf_hz = cfg->blf_hz;
    made.trcal_us = dr_rows[made.dr].ratio / cfg->blf_hz * 1e6;
    status = link_tolerance(made.dr, made.trcal_us, &made.frt_ratio, &made.frt_ext_ratio);
    if (status) {
        return status;
    }
    link_derive(&made);
    *link = made;
    return ST_OK;
}

enum status link_from_measured(double tari_us, double rtcal_us, double trcal_us, enum link_dr dr,
                               enum link_m m, bool trext, struct link *link)
{
    require(link);
    require(dr == LINK_DR_8 || dr == LINK_DR_64_3);
    require(m >= LINK_FM0);
    require(m <= LINK_M8);
    const struct {
        const char *what;
        double value, min, max;
        const char *unit;
    } limits[] = {
        {"measured Tari", tari_us, 6.25, 25.0, "us"},
        {"measured RTcal", rtcal_us / tari_us, 2.5, 3.0, "Tari"},
        {"measured TRcal", trcal_us / rtcal_us, 1.1, 3.0, "RTcal"},
        {"measured TRcal", trcal_us, dr_rows[dr].trcal_min_us, dr_rows[dr].trcal_max_us, "us"},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (!link_inside(limits[i].value, limits[i].min, limits[i].max, LINK_MEASURED_SLACK)) {
            return status_fail(ST_RANGE, "%s is %.4g, accepted %.4g..%.4g %s +-10 %%",
                               limits[i].what, limits[i].value, limits[i].min, limits[i].max,
                               limits[i].unit);
        }
    }
    struct link made = {.tari_us = tari_us,
                        .rtcal_us = rtcal_us,
                        .trcal_us = trcal_us,
                        .dr = dr,
                        .m = m,
                        .trext = trext};
    made.blf_hz = dr_rows[dr].ratio / trcal_us * 1e6;
    double tabled_us = fmin(fmax(trcal_us, dr_rows[dr].trcal_min_us), dr_rows[dr].trcal_max_us);
    enum status status = link_tolerance(dr, tabled_us, &made.frt_ratio, &made.frt_ext_ratio);
    if (status) {
        return status;
    }
    link_derive(&made);
    *link = made;
    return ST_OK;
}

double link_reply_us(const struct link *link, size_t n_bits, bool pilot)
{
    require(link);
    require(link->blf_hz > 0);
    const bool long_preamble = pilot || link->trext;
    /* preamble symbols: FM0 6 or 12 + 6, Miller 4 or 16 + 6 (6.3.1.3.2.2, .4); then data, dummy 1
     */
    double n_preamble =
        link->m == LINK_FM0 ? (long_preamble ? 18.0 : 6.0) : (long_preamble ? 22.0 : 10.0);
    return (n_preamble + (double)n_bits + 1.0) * (double)link->m_cycles * link->tpri_us;
}

double link_command_us(const struct link *link, const uint8_t *bit, size_t n_bits,
                       bool with_preamble)
{
    require(link);
    require(bit || n_bits == 0);
    double us = link->delimiter_us + link->data0_us + link->rtcal_us;
    if (with_preamble) {
        us += link->trcal_us;
    }
    for (size_t i = 0; i < n_bits; i++) {
        us += bit[i] ? link->data1_us : link->data0_us;
    }
    return us;
}
