/* test_softusrp_split.c - bistatic.mode split through stock libuhd: two software USRPs on one air, 2.5
 * ppm apart and without a common reference. The lead is long, so that no command is late on a busy machine;
 * for ACKs it is too long, so RN16s are what is read. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/softusrp_rig.h"

#define TRANSMITTER "127.0.1.61"
#define RECEIVER "127.0.1.62"
#define N_TAGS 10

static void softusrp_split_follows_the_other_device(void **state)
{
    (void)state;
    struct softusrp_rig rig;
    struct program reader;
    softusrp_rig_start(&rig,
                       "--device addr=" TRANSMITTER " --device addr=" RECEIVER ",ppm=2.5 "
                       "--slow %d --tags %d",
                       PROGRAM_IS_SLOW ? 60 : 20, N_TAGS);
    program_launch(
        &reader, PROGRAM_ZPREADER,
        "inventory --json --publish.zmq.enabled=false --radio uhd --args addr=" TRANSMITTER
        " --radio.uhd.rx_args addr=" RECEIVER " --bistatic.mode split --region lab "
        "--freq 915M --rate 2M --tx-gain 60 --rx-gain 30 --radio.tx_lead_us 4000 "
        "--duration %g",
        0.6);
    program_wait(&reader, 120.0);
    program_succeeded(&reader);
    softusrp_rig_stop(&rig);
    json_t *events = program_events(&reader);
    program_check_events(events);
    const json_t *summary = json_array_get(events, json_array_size(events) - 1);
    const json_t *clock = json_object_get(summary, "clock");
    assert_non_null(clock);
    const json_t *slots = json_object_get(summary, "slots");
    double n_rn16 = program_number(slots, "rn16_only") + program_number(slots, "single");
    printf("%g RN16, clock %+.4f ppm, starts %+.1f us\n", n_rn16, program_number(clock, "ppm"),
           program_number(clock, "start_us"));
    assert_true(fabs(program_number(clock, "ppm") - 2.5) < 0.05);
    assert_true(n_rn16 >= 10); /* windows are where the replies are */
    json_decref(events);
    program_free(&reader);
    softusrp_rig_free(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(softusrp_split_follows_the_other_device, program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
