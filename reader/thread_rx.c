/* thread_rx.c - RX: radio -> iq ring. On a real-time radio a full pipeline costs blocks, which are
 * counted and show as a gap; the other radios simply wait. */
#include "reader/reader_parts.h"

static struct iq_block *block_take(struct reader *reader)
{
    struct iq_block *block = NULL;
    for (;;) {
        unsigned seen = bell_read(&reader->bell_rx);
        if (ring_pop(&reader->iq_free, &block)) {
            return block;
        }
        if (radio_ops_of(reader->radio)->real_time || atomic_load(&reader->over)) {
            return NULL;
        }
        bell_wait(&reader->bell_rx, seen, 100);
    }
}

void *thread_rx(void *argument)
{
    struct reader *reader = argument;
    struct iq_block *spare =
        &reader->pool[IQ_BLOCKS - 1]; /* never in the ring: takes what is lost */
    int64_t lost_samples = 0;
    enum status status = ST_OK;
    reader_thread_name("zp-rx");
    while (status == ST_OK) {
        struct iq_block *block = block_take(reader);
        bool lost = block == NULL;
        block = lost ? spare : block;
        status = radio_recv(reader->radio, block);
        if (status != ST_OK) {
            break;
        }
        if (lost) {
            lost_samples += block->gap_samples + (int64_t)block->n_samples;
            atomic_fetch_add(&reader->dropped_blocks, 1);
            continue;
        }
        block->gap_samples += lost_samples;
        lost_samples = 0;
        struct iq_item item = {.block = block, .arrival_ns = reader_wall_ns()};
        ring_push(&reader->iq_ready, &item); /* as many places as blocks: never full */
    }
    reader_stream_over(reader, status);
    struct iq_item end = {.block = NULL};
    ring_push(&reader->iq_ready, &end);
    return NULL;
}
