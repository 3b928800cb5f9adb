/* softusrp_mpm.c - sockets of a device's management. */
#include "tests/softusrp_mpm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/log.h"
#include "config/require.h"
#include "tests/softusrp_device.h"
#include "tests/softusrp_methods.h"
#include "tests/softusrp_msgpack.h"

#define DISCOVERY_PORT 49600
#define RPC_PORT 49601
#define REQUEST_BYTES_MAX 8192
#define ECHO_BYTES_MAX 9216

struct connection {
    int socket; /* -1: free */
    uint8_t in[REQUEST_BYTES_MAX];
    size_t n_in;
    struct msgpack_out answer;
    bool waits; /* an answer is due at due_s */
    double due_s;
};

struct mpm {
    struct device *device;
    int discovery, listener;
    struct connection connection[MPM_CONNECTIONS];
    unsigned long n_unknown;
};

static int open_port(const char *ip, int type, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int file = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int one = 1;
    if (type == SOCK_STREAM) {
        setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    }
    inet_pton(AF_INET, ip, &address.sin_addr);
    if (bind(file, (struct sockaddr *)&address, sizeof address) ||
        (type == SOCK_STREAM && listen(file, MPM_CONNECTIONS))) {
        status_fail(ST_BUSY, "%s: port %d: %s", ip, port, strerror(errno));
        close(file);
        return -1;
    }
    return file;
}

enum status mpm_new(struct device *device, struct mpm **mpm_out)
{
    require(device);
    struct mpm *mpm = calloc(1, sizeof *mpm);
    *mpm_out = mpm;
    if (!mpm) {
        return status_fail(ST_NO_MEMORY, "softusrp: management");
    }
    mpm->device = device;
    for (size_t k = 0; k < MPM_CONNECTIONS; k++) {
        mpm->connection[k].socket = -1;
    }
    mpm->listener = -1;
    mpm->discovery = open_port(device->cfg.address, SOCK_DGRAM, DISCOVERY_PORT);
    if (mpm->discovery >= 0) {
        mpm->listener = open_port(device->cfg.address, SOCK_STREAM, RPC_PORT);
    }
    return mpm->listener >= 0 ? ST_OK : ST_BUSY;
}

static void hang_up(struct connection *connection)
{
    if (connection->socket >= 0) {
        close(connection->socket);
    }
    connection->socket = -1;
    connection->n_in = 0;
    connection->waits = false;
}

void mpm_drop(struct mpm *mpm)
{
    for (size_t k = 0; k < MPM_CONNECTIONS; k++) {
        hang_up(&mpm->connection[k]);
    }
}

void mpm_free(struct mpm **mpm)
{
    if (*mpm) {
        mpm_drop(*mpm);
        if ((*mpm)->discovery >= 0) {
            close((*mpm)->discovery);
        }
        if ((*mpm)->listener >= 0) {
            close((*mpm)->listener);
        }
        free(*mpm);
    }
    *mpm = NULL;
}

unsigned long mpm_n_unknown(const struct mpm *mpm)
{
    return mpm->n_unknown;
}

/* ---- discovery ---- */

static void answer_discovery(struct mpm *mpm)
{
    static char text[ECHO_BYTES_MAX];
    struct sockaddr_in from;
    socklen_t n_from = sizeof from;
    ssize_t n;
    while ((n = recvfrom(mpm->discovery, text, sizeof text, 0, (struct sockaddr *)&from,
                         &n_from)) >= 0) {
        if (mpm->device->is_dead) {
            continue;
        }
        if (n >= 8 && !memcmp(text, "MPM-DISC", 8)) {
            n = snprintf(text, sizeof text,
                         "USRP-MPM;type=e3xx;product=e320;serial=SU%05u;name=softusrp%u;fpga=1G;"
                         "claimed=False",
                         mpm->device->index + 1, mpm->device->index);
        } else if (n < 8 || memcmp(text, "MPM-ECHO", 8) != 0 || n > mpm->device->cfg.mtu_bytes) {
            continue; /* an echo that is too long does not come through: so the host finds the MTU */
        }
        sendto(mpm->discovery, text, (size_t)n, 0, (struct sockaddr *)&from, n_from);
    }
}

/* ---- calls ---- */

/* One request, when it is there as a whole.   ret  its length in bytes, 0: not yet; -1: nonsense */
static long answer_request(struct mpm *mpm, struct connection *connection)
{
    struct msgpack_in in = {.at = connection->in, .end = connection->in + connection->n_in};
    const struct msgpack_value head = msgpack_read(&in);
    const struct msgpack_value type = msgpack_read(&in);
    const bool is_request = head.n_items == 4; /* else a notification: no answer */
    const struct msgpack_value id =
        is_request ? msgpack_read(&in) : (struct msgpack_value){.kind = MSGPACK_NIL};
    const struct msgpack_value name = msgpack_read(&in);
    const struct msgpack_value list = msgpack_read(&in);
    struct msgpack_value argument[METHOD_ARGUMENTS_MAX] = {0};
    for (size_t k = 0; k < list.n_items && !in.broken; k++) {
        const struct msgpack_value value = msgpack_read(&in);
        msgpack_skip(&in, &value);
        if (k < METHOD_ARGUMENTS_MAX) {
            argument[k] = value;
        }
    }
    if (in.broken) {
        return connection->n_in == sizeof connection->in ? -1 : 0;
    }
    if (head.kind != MSGPACK_ARRAY || head.n_items < 3 || name.kind != MSGPACK_TEXT ||
        list.kind != MSGPACK_ARRAY || type.kind != MSGPACK_NUMBER) {
        return -1;
    }
    static struct msgpack_out result;
    result.n_bytes = 0;
    result.full = false;
    const bool is_known = methods_call(mpm->device, name.text, argument, &result);
    struct msgpack_out *answer = &connection->answer;
    answer->n_bytes = 0;
    answer->full = false;
    msgpack_array(answer, 4);
    msgpack_whole(answer, 1);
    msgpack_whole(answer, (uint64_t)id.whole);
    if (is_known) {
        msgpack_nil(answer);
        msgpack_append(answer, &result);
    } else {
        mpm->n_unknown++;
        log_warning("softusrp: method '%s' is not known", name.text);
        msgpack_text(answer, "unknown method");
        msgpack_nil(answer);
    }
    require(!answer->full);
    connection->waits = is_request;
    const struct fault *slow =
        fault_hit(&mpm->device->faults, FAULT_SLOW_CONTROL, mpm->device->now_s);
    connection->due_s = mpm->device->now_s + (slow ? slow->delay_s : 0.0);
    return in.at - connection->in;
}

static void send_answer(struct connection *connection)
{
    const struct msgpack_out *answer = &connection->answer;
    connection->waits = false;
    /* answers are far smaller than a socket's buffer and come one at a time */
    const ssize_t n = send(connection->socket, answer->byte, answer->n_bytes, MSG_NOSIGNAL);
    if (n != (ssize_t)answer->n_bytes) {
        hang_up(connection);
    }
}

static void work_off(struct mpm *mpm, struct connection *connection)
{
    while (connection->socket >= 0 && !mpm->device->is_dead) {
        if (connection->waits && mpm->device->now_s < connection->due_s) {
            return;
        }
        if (connection->waits) {
            send_answer(connection);
            continue;
        }
        const long n_used = connection->n_in > 0 ? answer_request(mpm, connection) : 0;
        if (n_used < 0) {
            hang_up(connection);
        } else if (n_used == 0) {
            return;
        } else {
            connection->n_in -= (size_t)n_used;
            memmove(connection->in, connection->in + n_used, connection->n_in);
        }
    }
}

static void accept_all(struct mpm *mpm)
{
    int file;
    while ((file = accept(mpm->listener, NULL, NULL)) >= 0) {
        fcntl(file, F_SETFD, FD_CLOEXEC);
        fcntl(file, F_SETFL, O_NONBLOCK);
        size_t k = 0;
        while (k < MPM_CONNECTIONS && mpm->connection[k].socket >= 0) {
            k++;
        }
        if (k == MPM_CONNECTIONS) {
            close(file);
            continue;
        }
        const int one = 1;
        setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        mpm->connection[k].socket = file;
    }
}

void mpm_serve(struct mpm *mpm)
{
    require(mpm);
    answer_discovery(mpm);
    if (mpm->device->is_dead) {
        return; /* the kernel takes connections and bytes, nobody answers */
    }
    accept_all(mpm);
    for (size_t k = 0; k < MPM_CONNECTIONS; k++) {
        struct connection *connection = &mpm->connection[k];
        if (connection->socket < 0) {
            continue;
        }
        const size_t n_room = sizeof connection->in - connection->n_in;
        const ssize_t n =
            n_room > 0 ? recv(connection->socket, connection->in + connection->n_in, n_room, 0)
                       : -1;
        if (n == 0) {
            hang_up(connection);
        } else if (n > 0) {
            connection->n_in += (size_t)n;
        } else if (n_room > 0 && errno != EAGAIN && errno != EINTR) {
            hang_up(connection);
        }
        work_off(mpm, connection);
    }
}

size_t mpm_polls(const struct mpm *mpm, struct pollfd *polls)
{
    size_t n = 0;
    polls[n++] = (struct pollfd){.fd = mpm->discovery, .events = POLLIN};
    if (mpm->device->is_dead) {
        return n;
    }
    polls[n++] = (struct pollfd){.fd = mpm->listener, .events = POLLIN};
    for (size_t k = 0; k < MPM_CONNECTIONS; k++) {
        if (mpm->connection[k].socket >= 0) {
            polls[n++] = (struct pollfd){.fd = mpm->connection[k].socket, .events = POLLIN};
        }
    }
    return n;
}
