/* softusrp_management.c - walking management packets. */
#include "tests/softusrp_management.h"

#include "config/require.h"
#include "tests/softusrp_chdr.h"

enum {
    OP_ADVERTISE = 1,
    OP_SELECT = 2,
    OP_RETURN = 3,
    OP_INFO_REQUEST = 4,
    OP_INFO_ANSWER = 5,
    OP_WRITE = 6,
    OP_READ = 7,
    OP_READ_ANSWER = 8
};
enum { TYPE_CROSSBAR = 1, TYPE_ENDPOINT = 2, TYPE_TRANSPORT = 3 };
enum { NODE_TRANSPORT = 0, NODE_CROSSBAR = 1, NODE_ENDPOINT = 2, NODE_NOWHERE = -1 };

struct walk {
    const struct management_nodes *nodes;
    int node, next_node;
    bool returns, advertises;
    uint64_t said[MANAGEMENT_WORDS_MAX];
    size_t n_said;
};

static uint64_t operation(uint64_t payload, unsigned code)
{
    return payload << 16 | (uint64_t)code << 8;
}

static void say(struct walk *walk, uint64_t word)
{
    if (walk->n_said < MANAGEMENT_WORDS_MAX) {
        walk->said[walk->n_said++] = word;
    }
}

static uint64_t node_info(const struct walk *walk)
{
    const struct management_nodes *nodes = walk->nodes;
    uint64_t type = TYPE_TRANSPORT, instance = 0, extended = 0;
    if (walk->node == NODE_CROSSBAR) {
        type = TYPE_CROSSBAR;
        extended = 1 << 8 | (1 + nodes->n_endpoints); /* one transport; ports in all */
    } else if (walk->node >= NODE_ENDPOINT) {
        type = TYPE_ENDPOINT;
        instance = (uint64_t)(walk->node - NODE_ENDPOINT);
        extended = 1 << 8 | 1 << 2 | 3; /* one stream in, one out, control and data */
    }
    return nodes->device_id | type << 16 | instance << 20 | extended << 30;
}

static void perform(struct walk *walk, uint64_t word)
{
    const struct management_nodes *nodes = walk->nodes;
    const uint64_t payload = word >> 16;
    const bool at_endpoint = walk->node >= NODE_ENDPOINT;
    const unsigned endpoint = at_endpoint ? (unsigned)(walk->node - NODE_ENDPOINT) : 0;
    switch (word >> 8 & 0xff) {
    case OP_ADVERTISE: walk->advertises = true; break;
    case OP_SELECT: {
        const unsigned port = payload & 0xffff; /* port 0 leads back to the transport */
        walk->next_node =
            port >= 1 && port <= nodes->n_endpoints ? NODE_ENDPOINT + (int)port - 1 : NODE_NOWHERE;
        break;
    }
    case OP_RETURN: walk->returns = true; break;
    case OP_INFO_REQUEST: say(walk, operation(node_info(walk), OP_INFO_ANSWER)); break;
    case OP_WRITE:
        if (at_endpoint) {
            nodes->write(nodes->context, endpoint, payload & 0xffff, (uint32_t)(payload >> 16));
        }
        break;
    case OP_READ: {
        const uint32_t address = payload & 0xffff;
        const uint64_t value = at_endpoint ? nodes->read(nodes->context, endpoint, address) : 0;
        say(walk, operation(value << 16 | address, OP_READ_ANSWER));
        break;
    }
    default: break; /* no operation, and answers to others */
    }
}

/* The operations of one hop.   ret  index after it, 0 when the packet ends inside */
static size_t walk_hop(struct walk *walk, const uint64_t *word, size_t n_words, size_t at)
{
    walk->next_node = walk->node == NODE_TRANSPORT ? NODE_CROSSBAR : walk->node;
    for (bool more = true; more; at++) {
        if (at >= n_words) {
            return 0;
        }
        perform(walk, word[at]);
        more = (word[at] & 0xff) != 0;
    }
    return at;
}

/* What is left of the walk is the sender's own hop: its operations, then what was said. */
static size_t write_answer(const struct walk *walk, const uint64_t *word, size_t n_words, size_t at,
                           uint64_t *answer)
{
    size_t n = 2;
    for (bool more = true; more && at < n_words && n < MANAGEMENT_WORDS_MAX; at++) {
        answer[n++] = word[at];
        more = (word[at] & 0xff) != 0;
    }
    for (size_t k = 0; k < walk->n_said && n < MANAGEMENT_WORDS_MAX; k++) {
        answer[n++] = walk->said[k];
    }
    for (size_t k = 2; k < n; k++) {
        answer[k] = (answer[k] & ~UINT64_C(0xff)) | (n - 1 - k);
    }
    const struct chdr_header header = {.type = CHDR_MANAGEMENT,
                                       .sequence = (uint16_t)(word[0] >> 32),
                                       .n_bytes = (uint16_t)(n * sizeof *answer),
                                       .destination = management_source(word)};
    answer[0] = chdr_header_pack(&header);
    answer[1] = (word[1] & ~(UINT64_C(0x3ff) << 16)) | UINT64_C(1) << 16; /* one hop left */
    return n;
}

uint16_t management_source(const uint64_t *word)
{
    return (uint16_t)word[1];
}

size_t management_walk(const struct management_nodes *nodes, const uint64_t *word, size_t n_words,
                       uint64_t *answer, bool *advertises)
{
    require(nodes);
    require(answer);
    *advertises = false;
    if (n_words < 3) {
        return 0;
    }
    struct walk walk = {.nodes = nodes, .node = NODE_TRANSPORT};
    size_t at = 2;
    unsigned n_hops = word[1] >> 16 & 0x3ff;
    while (n_hops > 0 && at != 0 && !walk.returns && walk.node != NODE_NOWHERE) {
        at = walk_hop(&walk, word, n_words, at);
        n_hops--;
        walk.node = walk.next_node;
    }
    *advertises = walk.advertises;
    if (!walk.returns || n_hops < 1 || at == 0 || at >= n_words) {
        return 0;
    }
    return write_answer(&walk, word, n_words, at, answer);
}
