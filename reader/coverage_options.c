/* coverage_options.c - option rows of coverage runs. */
#include "reader/coverage_options.h"

#define COVERAGE(field) offsetof(struct coverage_options, field)
static const struct option_row coverage_rows[] = {
    {"coverage.preset", OPTION_TEXT, "", "D1T1-A2-type2a", 0, 0, NULL, COVERAGE(preset),
     "link budget of all legs, by its source's name (list: zpreader linkbudget --list)", NULL},
    {"coverage.carrier", OPTION_CHOICE, "", "preset", 0, 0, "preset|same|other|outside|device",
     COVERAGE(carrier),
     "whose carrier a device reflects: of the reader that listens, of another one, of a node "
     "outside "
     "at the preset's distance, its own; preset: as its name says (A2, A1, B, C)",
     NULL},
    {"coverage.receiver", OPTION_CHOICE, "", "preset", 0, 0, "preset|own", COVERAGE(receiver),
     "sensitivity of the readers: the preset's, or that of our own receiver for link.*", NULL},
    {"coverage.n_drops", OPTION_INT, "", "100", 1, 1e6, NULL, COVERAGE(n_drops),
     "random placements of the devices", "drops"},
    {"coverage.seed", OPTION_INT, "", "1", 0, 1e15, NULL, COVERAGE(seed),
     "same seed, same figures, whatever the number of threads", NULL},
    {"coverage.n_threads", OPTION_INT, "", "0", 0, 256, NULL, COVERAGE(n_threads),
     "0: one on each core", NULL},
    {"coverage.identify", OPTION_BOOL, "", "true", 0, 0, NULL, COVERAGE(identify),
     "inventory of all devices covered, slot by slot, the readers in turn", NULL},
    {"coverage.unit_s", OPTION_NUMBER, "s", "0.2", 0.01, 3600, NULL, COVERAGE(unit_s),
     "how long one reader transmits before the next one does", NULL},
    {"coverage.time_max_s", OPTION_NUMBER, "s", "3600", 0.01, 1e6, NULL, COVERAGE(time_max_s),
     "an inventory that is not done by then is given up", NULL},
    {"coverage.cell_m", OPTION_NUMBER, "m", "2", 0.1, 1000, NULL, COVERAGE(cell_m),
     "side of a cell of the maps", NULL},
    {"coverage.svg", OPTION_TEXT, "", "", 0, 0, NULL, COVERAGE(svg),
     "folder for maps and curves; empty: none", "svg"},
    {"coverage.csv", OPTION_TEXT, "", "", 0, 0, NULL, COVERAGE(csv),
     "folder for the same as CSV tables; empty: none", "tables"},
};

const struct option_table coverage_option_table = {
    "coverage: how many devices of a hall are fed, commanded, heard and identified", coverage_rows,
    sizeof coverage_rows / sizeof *coverage_rows};
