/* test_program_topologies.c - the topologies of the README as a user runs them: how many of forty tags are
 * read, and what a hall refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/program.h"

#define HALL                                                                                       \
    "inventory --json --publish.zmq.enabled=false --radio.sim.pace max --duration 5 --tags 40 "    \
    "--radio.sim.scene hall --radio.sim.hall_m 20,10,5 "
#define CENTRE "--radio.sim.tx_at 10,5,4.5 "
#define CLUTTER                                                                                    \
    CENTRE "--radio.sim.tx_power_dbm 27 --radio.sim.leak_db -30 --radio.sim.path inf_sh "          \
           "--radio.sim.clutter_height_m 2 --radio.sim.clutter_size_m 10 "                         \
           "--radio.sim.clutter_ratio 0.2 "
#define INSIDE CENTRE "--radio.sim.rx_at 16,5,4.5 --radio.sim.tx_power_dbm 30 "
#define STORAGE                                                                                    \
    CENTRE "--radio.sim.tx_power_dbm 22 --radio.sim.tag_storage_uf 0.1 "                           \
           "--radio.sim.tag_load_uw 2 --bistatic.mode helper --bistatic.gate_period_s 0.1 "        \
           "--bistatic.gate_s 0.08 "
#define ENERGY                                                                                     \
    "--radio.sim.energy_at=3,5,4.5;17,5,4.5 --radio.sim.energy_dbm 30 "                            \
    "--radio.sim.energy_period_s 0.1 --radio.sim.energy_silent_s 0.085 "                           \
    "--radio.sim.energy_silent_from_s -0.0025 "

/* The README's table. The same seed gives the same reads, but whether a tag at the edge is among them may
 * turn on how the inventory spends its time: up to two tags to either side. */
static const struct {
    const char *name, *arguments;
    int n_read;
} cases[] = {
    {"monostatic", CLUTTER, 34},
    {"monostatic, shadow", CLUTTER "--radio.sim.shadow", 24},
    {"carrier inside", INSIDE, 40},
    {"carrier inside, two clocks",
     INSIDE "--bistatic.mode split --radio.sim.rx_clock_ppm 2 --radio.sim.rx_start_us 900", 40},
    {"carrier outside",
     "--radio.sim.tx_at 0,5,4.5 --radio.sim.rx_at 16,5,4.5 --radio.sim.tx_power_dbm 33 "
     "--radio.sim.tag_sensitivity_dbm -24 --radio.sim.tags_rectangle 8,0,20,10",
     40},
    {"own carrier", CENTRE "--radio.sim.tag_carrier_dbm -10 --radio.sim.tag_sensitivity_dbm -45",
     40},
    {"handset",
     "--radio.sim.tx_at 3,5,1.5 --radio.sim.path inf_dl --radio.sim.tx_power_dbm 23 "
     "--radio.sim.antenna_gain_dbi 0 --radio.sim.tags_circles 3,5,2",
     40},
    {"handset asks, ceiling listens",
     "--radio.sim.tx_at 3,5,1.5 --radio.sim.rx_at 3,5,4.5 --radio.sim.tx_power_dbm 23 "
     "--radio.sim.tx_gain_dbi 0 --radio.sim.tags_circles 3,5,2",
     40},
    {"storage", STORAGE, 11},
    {"storage and energy emitters", STORAGE ENERGY, 37},
};

static void program_reads_in_every_topology(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct program program;
        program_run(&program, HALL "%s", cases[k].arguments);
        program_succeeded(&program);
        json_t *events = program_events(&program);
        json_t *summary = json_array_get(events, json_array_size(events) - 1);
        int n_read = (int)json_integer_value(json_object_get(summary, "unique"));
        if (abs(n_read - cases[k].n_read) > 2) {
            fail_msg("%s: %d tags read, expected %d", cases[k].name, n_read, cases[k].n_read);
        }
        json_decref(events);
        program_free(&program);
    }
}

static void program_refuses_impossible_halls(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *text;
    } rows[] = {
        {"", "radio.sim.tx_at is not set"},
        {"--radio.sim.tx_at 10,5,6", "outside radio.sim.hall_m"},
        {CENTRE "--radio.sim.tags_at 9,5,4.8 --radio.sim.path inf_sh", "device height is 4.8 m"},
        {CENTRE "--radio.sim.tags_at 9.5,5,4.5 --radio.sim.path inf_los", "inf_los"},
        {CENTRE "--radio.sim.path inf_sx", "free_space|friis_3e8"},
        {CENTRE "--radio.sim.tag_storage_uf 1 --radio.sim.tag_stop_v 2", "radio.sim.tag_start_v"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct program program;
        program_run(&program, HALL "%s", rows[k].arguments);
        if (program.exit_status != 2 || !strstr(program.err, rows[k].text)) {
            fail_msg("%s: status %d, %s", rows[k].arguments, program.exit_status, program.err);
        }
        program_free(&program);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(program_reads_in_every_topology, program_kill_all),
        cmocka_unit_test_teardown(program_refuses_impossible_halls, program_kill_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
