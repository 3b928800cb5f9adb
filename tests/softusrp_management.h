/* softusrp_management.h - RFNoC management packets: a walk from node to node, each hop a list of
 * operations; the answer carries what the nodes on the way had to say.             layer: tests
 * Nodes: transport, then crossbar, then the stream endpoint on the selected port.
 * operation   63 payload 16 | 15 code 8 | 7 operations left in this hop 0                   */
#ifndef TESTS_SOFTUSRP_MANAGEMENT_H
#define TESTS_SOFTUSRP_MANAGEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANAGEMENT_WORDS_MAX 64

struct management_nodes { /* what the walk reads and writes */
    void *context;
    uint16_t device_id;
    unsigned n_endpoints;
    uint32_t (*read)(void *context, unsigned endpoint, uint32_t address);
    void (*write)(void *context, unsigned endpoint, uint32_t address, uint32_t value);
};

/* Walk. `answer` has room for MANAGEMENT_WORDS_MAX words.
 *   out  *advertises: the sender said where it can be reached
 *   ret  words of the answer, 0: none is due or the packet is malformed (what came before the
 *        fault is done) */
size_t management_walk(const struct management_nodes *nodes, const uint64_t *word, size_t n_words,
                       uint64_t *answer, bool *advertises);

/* The endpoint that sent the packet.   pre  n_words >= 2 */
uint16_t management_source(const uint64_t *word);

#endif
