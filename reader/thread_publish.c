/* thread_publish.c - PUBLISH: records to all publishers, samples to the recording. */
#include "config/log.h"
#include "config/units.h"
#include "reader/reader_parts.h"
#include "reader/trouble.h"

enum { TICK_MS = 100 };

static void annotate(struct reader *reader, const struct record *record)
{
    char comment[160] = "";
    int64_t tick = (int64_t)(record->t_s * reader->rate_sps + 0.5);
    double us = 0.0;
    if (record->type == RECORD_READ) {
        bits_to_hex(record->read.epc, record->read.n_epc_bits / 8, comment);
        us = link_reply_us(&reader->link, record->read.n_epc_bits + 32, reader->link.trext);
    } else if (record->type == RECORD_COMMAND && record->command.n_bits < sizeof comment) {
        bits_to_text(record->command.bit, record->command.n_bits, comment);
        us = link_command_us(&reader->link, record->command.bit, record->command.n_bits,
                             record->command.trcal_us > 0.0);
    } else {
        return;
    }
    enum status status =
        recorder_annotate(reader->recorder, tick, units_ticks_from_us(us, reader->rate_sps),
                          record_type_text[record->type], comment);
    if (status) {
        log_warning("recording: annotation lost: %s", status_detail());
    }
}

static void samples_take(struct reader *reader, bool *failed)
{
    struct iq_item item;
    while (ring_pop(&reader->iq_done, &item)) {
        if (!item.block) {
            continue;
        }
        if (!*failed && recorder_write(reader->recorder, item.block) != ST_OK) {
            *failed = true;
            reader_fail(reader, ST_IO);
        }
        ring_push(&reader->iq_free, &item.block);
    }
}

static bool records_take(struct reader *reader)
{
    struct record_item item;
    while (ring_pop(&reader->records, &item)) {
        if (item.over) {
            return true;
        }
        publish_record(reader->publish, &item.record);
        if (reader->recorder) {
            annotate(reader, &item.record);
        }
    }
    return false;
}

/* Samples the reader itself had no room for are lost to it as those of an overflow. */
static void trouble_tell(struct reader *reader, struct trouble *trouble)
{
    char text[320];
    struct radio_counters counters = radio_counters_read(reader->radio);
    counters.overflows += atomic_load(&reader->dropped_blocks);
    if (trouble_text(trouble, &counters, reader_wall_ns(), text, sizeof text) > 0) {
        log_warning("%s", text);
    }
}

void *thread_publish(void *argument)
{
    struct reader *reader = argument;
    bool over = false, record_failed = false;
    struct trouble trouble = {0};
    int64_t next_tick_ns = reader_wall_ns();
    reader_thread_name("zp-publish");
    while (!over) {
        unsigned seen = bell_read(&reader->bell_publish);
        bool forsaken = atomic_load(&reader->forsaken); /* before the last look */
        over = records_take(reader) || forsaken;
        samples_take(reader, &record_failed);
        if (reader_wall_ns() >= next_tick_ns) {
            publish_tick(reader->publish);
            trouble_tell(reader, &trouble);
            next_tick_ns = reader_wall_ns() + (int64_t)TICK_MS * 1000000;
        }
        if (!over) {
            bell_wait(&reader->bell_publish, seen, TICK_MS);
        }
    }
    samples_take(reader, &record_failed); /* INVENTORY ends after DSP: all samples are in */
    if (reader->recorder && recorder_close(&reader->recorder) != ST_OK && !record_failed) {
        reader_fail(reader, ST_IO);
    }
    if (publish_flush(reader->publish) != ST_OK) {
        reader_fail(reader, ST_IO);
    }
    publish_close(&reader->publish);
    atomic_store(&reader->over, true);
    return NULL;
}
