/* budget_cases.h - what the sources print, recomputed by this module's own functions.
 *                                                                            layer: protocol
 * Source: linkbudget_cases.json: white paper table A3.1-1, A-IoT contribution tables 3, 4 and A.1
 * to A.12, IEEE 802.15 THz liaison. */
#ifndef PROTOCOL_BUDGET_CASES_H
#define PROTOCOL_BUDGET_CASES_H

#include <stdbool.h>
#include <stddef.h>

enum { BUDGET_CASE_INPUTS = 9 };

/* what is known of a printed figure */
enum budget_flag {
    BUDGET_FLAG_OK = 0,
    BUDGET_FLAG_SOURCE_ERROR, /* it does not follow from its own inputs */
    BUDGET_FLAG_SUSPECT,      /* it does not, and the inputs may be what is wrong */
    BUDGET_FLAGS
};
extern const char *const budget_flag_text[BUDGET_FLAGS];

/* what is printed, and its inputs in order */
enum budget_case_name {
    /* preset, leg */
    BUDGET_CASE_EIRP,
    /* preset, noise figure of the device or NaN */
    BUDGET_CASE_NOISE,
    /* preset */
    BUDGET_CASE_INCIDENT,
    /* preset, leg, printed sensitivity or NaN */
    BUDGET_CASE_MPL,
    /* preset, printed path loss */
    BUDGET_CASE_MPL_REACH,
    /* as MPL */
    BUDGET_CASE_REACH,
    /* as MPL */
    BUDGET_CASE_FORWARD,
    /* as MPL */
    BUDGET_CASE_BACKWARD,
    /* Hz, m */
    BUDGET_CASE_FSPL,
    /* Hz, m, dBm, dBi, dBi */
    BUDGET_CASE_LEVEL,
    /* Hz, K, noise figure dB */
    BUDGET_CASE_KTB,
    /* as LEVEL, then KTB, then losses dB */
    BUDGET_CASE_SNR,
    /* Hz, tilt deg, mm/h */
    BUDGET_CASE_RAIN,
    /* Hz, dish m */
    BUDGET_CASE_BEAM_GAIN,
    /* the same; of 360 degrees */
    BUDGET_CASE_BEAM_SHARE,
    /* the same; both ends */
    BUDGET_CASE_BEAM_SHARE_2D,
    /* the same; of the sphere */
    BUDGET_CASE_BEAM_SOLID,
    /* the same; both ends */
    BUDGET_CASE_BEAM_SOLID_3D,
    /* dB(mW/m2/Hz), Hz */
    BUDGET_CASE_FLUX_BAND,
    /* dB(mW/m2/Hz), bandwidth Hz, Hz */
    BUDGET_CASE_THRESHOLD,
    /* dBi */
    BUDGET_CASE_GAIN_BEAM,
    /* dBi, altitude m */
    BUDGET_CASE_FOOTPRINT,
    /* emitters, km2 */
    BUDGET_CASE_DENSITY,
    /* emitters, km2 */
    BUDGET_CASE_SEPARATION,
    /* emitters */
    BUDGET_CASE_EMITTERS,
    /* Hz, dBi */
    BUDGET_CASE_DISH,
    /* rays, rays, side lobe dB */
    BUDGET_CASE_RAYS,
    /* Hz, EIRP dBm, dBi, bandwidth Hz, NF dB, SNR dB, K, gas dB/km */
    BUDGET_CASE_RECEIVER,
    /* Hz, m, dBm, NF dB, K, bandwidth Hz, dBi each; dBi and rate of another */
    BUDGET_CASE_RATE,
    /* Hz; free space over 1 ns */
    BUDGET_CASE_DELAY,
    /* x1, y1, x2, y2, x */
    BUDGET_CASE_FOG,
    /* deg C, humidity % */
    BUDGET_CASE_VAPOUR,
    /* bit/s, s */
    BUDGET_CASE_MEGABYTES,
    BUDGET_CASE_KINDS
};

enum budget_tolerance {
    BUDGET_TOLERANCE_UNIT = 0, /* in the kind's unit */
    BUDGET_TOLERANCE_RATIO,    /* of the printed figure */
    BUDGET_TOLERANCE_DIGIT,    /* units of the one digit that is printed, rounded or cut off */
};

struct budget_case_kind {
    const char *quantity, *unit;
    double (*compute)(const double input[]);
    double tolerance; /* of printed to recomputed */
    enum budget_tolerance tolerance_of;
};

struct budget_case {
    const char *id; /* "A.7/D2R" */
    enum budget_case_name kind;
    double input[BUDGET_CASE_INPUTS];
    double printed;
    enum budget_flag flag;
    const char *note; /* the reason of a flag, or a remark; NULL: none */
    double tolerance; /* 0: its kind's */
};

struct budget_case_source { /* a document */
    const char *name, *title;
    const struct budget_case *cases;
    const size_t *n_cases;
};
enum { BUDGET_SOURCES = 3 };
extern const struct budget_case_source budget_sources[BUDGET_SOURCES];

/* own static */
const struct budget_case_kind *budget_case_kind(const struct budget_case *row);
double budget_case_recompute(const struct budget_case *row);
/* Within its tolerance? */
bool budget_case_agrees(const struct budget_case *row, double recomputed);
/* Agrees where nothing is flagged, disagrees where something is. */
bool budget_case_as_known(const struct budget_case *row, double recomputed);

/* The tables (budget_cases_*.c). */
extern const struct budget_case budget_cases_friis[], budget_cases_aiot[], budget_cases_thz[];
extern const size_t budget_n_cases_friis, budget_n_cases_aiot, budget_n_cases_thz;

#endif
