/* fuzz_option.c - arbitrary bytes as YAML configuration and as number. Whatever is accepted must
 * dump and read back to the same values. */
#include <stdlib.h>
#include <string.h>

#include "config/option.h"
#include "config/require.h"
#include "protocol/inventory.h"
#include "protocol/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const struct option_row text_rows[] = {
    {"a", OPTION_TEXT, "", "", 0, 0, NULL, 0, "text", NULL},
    {"b.c", OPTION_NUMBER, "us", "", -1e300, 1e300, NULL, LIMIT_TEXT, "number", NULL},
};
static const struct option_table text_table = {"Fuzz", text_rows, 2};

static struct option_set *new_set(void)
{
    const struct option_table *tables[] = {&text_table, &link_options, &inventory_options};
    struct option_set *set = NULL;
    enum status status = option_set_new(tables, 3, &set);
    require(status == ST_OK);
    return set;
}

/* Half of the inputs start as a plausible line, so that values are reached, not only syntax. */
static size_t make_yaml(const uint8_t *data, size_t n_bytes, char *yaml, size_t room)
{
    static const char *const starts[] = {"a: ", "b:\n  c: ", "a: \"", "link: {tari_us: "};
    size_t n = 0;
    if (n_bytes > 0 && data[0] % 2) {
        const char *start = starts[data[0] / 2 % 4];
        n = strlen(start);
        memcpy(yaml, start, n);
        data++;
        n_bytes--;
    }
    n_bytes = n_bytes < room - n ? n_bytes : room - n;
    if (n_bytes > 0) {
        memcpy(yaml + n, data, n_bytes);
    }
    return n + n_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static char yaml[1 << 16];
    double number;
    struct option_set *set = new_set();
    size_t n_yaml = make_yaml(data, n_bytes, yaml, sizeof yaml - 1);
    enum status status = option_read_memory(set, yaml, n_yaml, "fuzz");
    require(status == ST_OK || strncmp(status_detail(), "fuzz:", 5) == 0);
    char *dump = NULL;
    size_t n_dump = 0;
    FILE *stream = open_memstream(&dump, &n_dump);
    require(stream);
    option_dump(set, stream, n_bytes % 2);
    fclose(stream);
    struct option_set *again = new_set();
    status = option_read_memory(again, dump, n_dump, "dump");
    require(status == ST_OK);
    require(option_hash(again) == option_hash(set));
    free(dump);
    option_set_free(&again);
    option_set_free(&set);
    yaml[n_yaml] = '\0';
    status = option_parse_number(yaml, &number);
    require(status == ST_OK || status == ST_FORMAT);
    return 0;
}
