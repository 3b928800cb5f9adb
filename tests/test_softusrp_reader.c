/* test_softusrp_reader.c - the whole reader over unmodified libuhd against simulated tags: radio uhd,
 * a software USRP in a process of its own, its clock slowed so that any machine keeps up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "tests/program.h"
#include "tests/softusrp_rig.h"

#define N_TAGS 10
#define RUN_S 0.2
#define PATIENCE_S 10.0 /* of the device, which the run may take */

static struct softusrp_rig rig;
static struct program reader;

static void inventory(const char *address, int slow, double lead_us, bool ack_ahead)
{
    program_free(&reader);
    softusrp_rig_free(&rig);
    softusrp_rig_start(&rig, "--device addr=%s,channels=1 --slow %d --tags %d", address, slow,
                       N_TAGS);
    program_launch(&reader, PROGRAM_ZPREADER,
                   "inventory --radio uhd --args "
                   "addr=%s,recv_frame_size=416,send_frame_size=416,master_clock_rate=2e6 "
                   "--region lab --freq 915M --rate 2M --tx-gain 60 --rx-gain 30 "
                   "--radio.uhd.delay_us 20 --radio.tx_lead_us %g --timing.ack_ahead=%s "
                   "--duration %g --json "
                   "--publish.zmq.endpoint tcp://127.0.0.1:%d",
                   address, lead_us, ack_ahead ? "true" : "false", RUN_S, program_free_port());
    program_wait(&reader, slow * PATIENCE_S);
    program_succeeded(&reader);
}

/* EPCs as the tags hold them, from the software USRP's report. */
static size_t n_tags_read(const json_t *report, const json_t *events)
{
    const json_t *tags = softusrp_rig_value(report, "tags");
    struct program_epcs read;
    program_epcs_read(events, &read);
    size_t n = 0;
    for (size_t k = 0; k < json_array_size(tags); k++) {
        const char *epc = json_string_value(json_object_get(json_array_get(tags, k), "epc"));
        for (size_t i = 0; i < read.n; i++) {
            n += strcasecmp(epc, read.epc[i]) == 0;
        }
    }
    assert_int_equal(n, read.n); /* nothing but what is there */
    return n;
}

/* Read with slower and slower clocks until enough tags are read. Only a run that a busy machine
 * disturbed, as the radio or the tags can tell, is forgiven.   ret  tags read */
static size_t inventory_until(size_t n_enough, const char *address, double lead_us)
{
    size_t n = 0;
    for (int slow = 25; slow <= 400 && n < n_enough; slow *= 4) {
        inventory(address, slow, lead_us, true);
        const json_t *report = softusrp_rig_stop(&rig);
        json_t *events = program_events(&reader);
        program_check_events(events);
        n = n_tags_read(report, events);
        const json_t *summary = json_array_get(events, json_array_size(events) - 1);
        const double n_late = program_number(summary, "late");
        print_message("clock slowed by %d: %zu of %d tags read, %g late\n", slow, n, N_TAGS,
                      n_late);
        assert_true(n >= n_enough || n_late > 0);
        json_decref(events);
    }
    return n;
}

static void softusrp_reader_reads_every_tag_over_libuhd(void **state)
{
    (void)state;
    assert_int_equal(inventory_until(N_TAGS, "127.0.1.41", 250.0), N_TAGS);
    /* short packets, and the carrier off at the end by the reader's own word */
    const double n_samples = softusrp_rig_number(rig.report, "devices.0.channels.0.rx.samples");
    const double n_packets = softusrp_rig_number(rig.report, "devices.0.channels.0.rx.packets");
    assert_true(n_samples / n_packets <= 100.0);
    assert_false(
        json_is_true(softusrp_rig_value(rig.report, "devices.0.channels.0.tx.burst_open")));
    const json_t *bursts = softusrp_rig_value(rig.report, "devices.0.channels.0.tx.bursts");
    const json_t *last = json_array_get(bursts, json_array_size(bursts) - 1);
    assert_string_equal(json_string_value(json_object_get(last, "ending")), "host");
}

/* 400 us of lead leave no time for an ACK in one piece: T2 is over after 500 us. One that begins before
 * its RN16 is decoded still comes in time. */
static void softusrp_reader_begins_acks_ahead(void **state)
{
    (void)state;
    assert_true(inventory_until(N_TAGS / 2, "127.0.1.42", 400.0) >= N_TAGS / 2);
    inventory("127.0.1.42", 25, 400.0, false);
    json_t *events = program_events(&reader);
    assert_int_equal(n_tags_read(softusrp_rig_stop(&rig), events), 0);
    json_decref(events);
}

static int tear_down(void **state)
{
    program_free(&reader);
    softusrp_rig_free(&rig);
    return program_kill_all(state);
}

int main(void)
{
#ifdef __SANITIZE_THREAD__ /* libuhd's own threads are not instrumented: its locks are not seen */
    return 0;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(softusrp_reader_reads_every_tag_over_libuhd, tear_down),
        cmocka_unit_test_teardown(softusrp_reader_begins_acks_ahead, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
