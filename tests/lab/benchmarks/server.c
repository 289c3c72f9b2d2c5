/* A CDP endpoint for benchmarks, fast enough never to be what is measured.
 *
 *     cc -O2 -o server server.c && ./server        listens on 127.0.0.1, prints "PORT"
 *
 * It answers every WebSocket text that it takes for a command {"id":N,"method":M,...}; a sessionId is echoed.
 *
 *   any command                       {"id":N,"result":{"result":{"type":"number","value":1,"description":"1"}}}
 *   ... with "size":S                 {"id":N,"result":{"data":"AAA..."}}, S bytes of it
 *   Bench.flood {"n":N,"kind":K}      N events, then {"id":N,"result":{}}; of 1 KB (K is "req"), of 170 bytes ("data")
 *   Target.*, Browser.getVersion      what a client needs to attach to a page or to the browser; and what a gateway
 *                                     needs to share it: each context that is made, CONTEXT3, can have one page, PAGE3
 *   GET /json/version, /json/list     the WebSocket's URL
 *
 * One thread, poll(2), POSIX and nothing else.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEERS = 64, ROUND = 100, FULL = 1 << 20, SESSION = 80 };

struct bytes { uint8_t *at; size_t used, room, sent; };

struct peer {
    int fd;
    enum { HTTP, OPEN, LAST } state; /* LAST: hang up when everything is written */
    struct bytes in, out, events;
    size_t ends[ROUND]; /* where each event of the round ends */
    int next;
    long left, flood_id;
    char session[SESSION];
};

static int port, contexts, sessions;

static void reserve(struct bytes *b, size_t more) {
    if (b->used + more <= b->room) return;
    while (b->used + more > b->room) b->room = b->room ? b->room * 2 : 1 << 16;
    if (!(b->at = realloc(b->at, b->room))) abort();
}

static void append(struct bytes *b, const void *data, size_t size) {
    reserve(b, size);
    memcpy(b->at + b->used, data, size);
    b->used += size;
}

static void drop_front(struct bytes *b, size_t size) {
    memmove(b->at, b->at + size, b->used - size);
    b->used -= size;
}

/* The opening handshake: SHA-1 of the key and a constant, in base 64. */

static uint32_t turn(uint32_t word, int bits) { return word << bits | word >> (32 - bits); }

static void sha1(const char *text, uint8_t digest[20]) {
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    static const uint32_t constants[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint8_t block[256] = {0};
    size_t size = strlen(text), padded = (size + 8) / 64 * 64 + 64;
    memcpy(block, text, size);
    block[size] = 0x80;
    block[padded - 2] = size * 8 >> 8;
    block[padded - 1] = size * 8;
    for (uint8_t *chunk = block; chunk < block + padded; chunk += 64) {
        uint32_t w[80], v[5];
        for (int i = 0; i < 80; i++)
            w[i] = i < 16 ? (uint32_t)chunk[4 * i] << 24 | chunk[4 * i + 1] << 16 | chunk[4 * i + 2] << 8 | chunk[4 * i + 3]
                          : turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        memcpy(v, state, sizeof v);
        for (int i = 0; i < 80; i++) {
            uint32_t mix = i < 20              ? (v[1] & v[2]) | (~v[1] & v[3])
                           : i >= 40 && i < 60 ? (v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])
                                               : v[1] ^ v[2] ^ v[3];
            uint32_t first = turn(v[0], 5) + mix + v[4] + constants[i / 20] + w[i];
            v[4] = v[3], v[3] = v[2], v[2] = turn(v[1], 30), v[1] = v[0], v[0] = first;
        }
        for (int i = 0; i < 5; i++) state[i] += v[i];
    }
    for (int i = 0; i < 20; i++) digest[i] = state[i / 4] >> (24 - i % 4 * 8);
}

static void base64(const uint8_t *data, int size, char *text) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < size; i += 3) {
        uint32_t three = data[i] << 16 | (i + 1 < size ? data[i + 1] << 8 : 0) | (i + 2 < size ? data[i + 2] : 0);
        for (int k = 0; k < 4; k++) *text++ = i + k > size ? '=' : digits[three >> (18 - 6 * k) & 63];
    }
    *text = 0;
}

/* Out. */

static void head(struct bytes *b, int opcode, uint64_t size) {
    uint8_t h[10] = {0x80 | opcode};
    int length = 2;
    if (size < 126) h[1] = size;
    else {
        int wide = size >> 16 ? 8 : 2;
        h[1] = wide == 8 ? 127 : 126;
        for (int i = 0; i < wide; i++) h[2 + i] = size >> 8 * (wide - 1 - i);
        length += wide;
    }
    append(b, h, length);
}

static void text(struct bytes *b, const char *message) {
    head(b, 1, strlen(message));
    append(b, message, strlen(message));
}

static void tail(char *to, const char *session) { /* the end of a message */
    if (*session) sprintf(to, ",\"sessionId\":\"%s\"}", session);
    else strcpy(to, "}");
}

static void answer(struct peer *p, long id, const char *session, const char *result) {
    char message[2048], end[SESSION + 32];
    tail(end, session);
    snprintf(message, sizeof message, "{\"id\":%ld,\"result\":%s%s", id, result, end);
    text(&p->out, message);
}

static void answer_sized(struct peer *p, long id, const char *session, size_t size) {
    char start[64], end[SESSION + 32], rest[SESSION + 40];
    tail(end, session);
    int before = sprintf(start, "{\"id\":%ld,\"result\":{\"data\":\"", id), after = sprintf(rest, "\"}%s", end);
    head(&p->out, 1, before + size + after);
    append(&p->out, start, before);
    reserve(&p->out, size);
    memset(p->out.at + p->out.used, 'A', size);
    p->out.used += size;
    append(&p->out, rest, after);
}

static const char DATA[] =
    "{\"method\":\"Network.dataReceived\",\"params\":{\"requestId\":\"5120.%d\",\"timestamp\":4711.%06d,"
    "\"dataLength\":%d,\"encodedDataLength\":%d}%s";
static const char REQUEST[] =
    "{\"method\":\"Network.requestWillBeSent\",\"params\":{\"requestId\":\"5120.%d\",\"loaderId\":"
    "\"0D2A6F0C7E4B4C8FA1B3C5D7E9F00112\",\"documentURL\":\"http://127.0.0.1:8000/harbour/index.html\",\"request\":{"
    "\"url\":\"http://127.0.0.1:8000/harbour/static/berths/quay-%d.9c41d7e0.js?watch=%d\",\"method\":\"GET\",\"headers\":{"
    "\"sec-ch-ua-platform\":\"\\\"Linux\\\"\",\"Referer\":\"http://127.0.0.1:8000/harbour/index.html\",\"User-Agent\":"
    "\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36\","
    "\"sec-ch-ua\":\"\\\"Chromium\\\";v=\\\"150\\\", \\\"Not)A;Brand\\\";v=\\\"8\\\"\",\"sec-ch-ua-mobile\":\"?0\"},"
    "\"mixedContentType\":\"none\",\"initialPriority\":\"Medium\",\"referrerPolicy\":\"strict-origin-when-cross-origin\","
    "\"isSameSite\":true},\"timestamp\":4711.%06d,\"wallTime\":1750000000.25,\"initiator\":{\"type\":\"parser\",\"url\":"
    "\"http://127.0.0.1:8000/harbour/index.html\",\"lineNumber\":%d,\"columnNumber\":12},\"redirectHasExtraInfo\":false,"
    "\"type\":\"Script\",\"frameId\":\"6B5A49382716F5E4D3C2B1A09F8E7D6C\",\"hasUserGesture\":false}%s";

static void pour(struct peer *p) { /* events of the flood, until enough of them wait to be written */
    while (p->left && p->out.used - p->out.sent < FULL) {
        long count = p->left < ROUND - p->next ? p->left : ROUND - p->next;
        size_t from = p->next ? p->ends[p->next - 1] : 0;
        append(&p->out, p->events.at + from, p->ends[p->next + count - 1] - from);
        p->next = (p->next + count) % ROUND;
        p->left -= count;
        if (!p->left) answer(p, p->flood_id, p->session, "{}");
    }
}

static void flood(struct peer *p, int large) {
    char message[4096], end[SESSION + 32];
    tail(end, p->session);
    p->events.used = p->next = 0;
    for (int i = 0; i < ROUND; i++) {
        if (large) snprintf(message, sizeof message, REQUEST, i, i, i, i * 37, i, end);
        else snprintf(message, sizeof message, DATA, i, i * 37, 1000 + i, 500 + i, end);
        text(&p->events, message);
        p->ends[i] = p->events.used;
    }
}

/* In. */

static const char *value(const char *message, const char *key) { /* what follows "key": */
    char quoted[40];
    int size = sprintf(quoted, "\"%s\"", key);
    for (const char *at = message; (at = strstr(at, quoted));) {
        at += size;
        while (*at == ' ') at++;
        if (*at++ == ':') {
            while (*at == ' ') at++;
            return at;
        }
    }
    return NULL;
}

static long number(const char *message, const char *key, long otherwise) {
    const char *at = value(message, key);
    return at ? atol(at) : otherwise;
}

static void string(const char *message, const char *key, char *to, int room) {
    const char *at = value(message, key);
    int i = 0;
    if (at && *at++ == '"') while (at[i] && at[i] != '"' && i < room - 1) to[i] = at[i], i++;
    to[i] = 0;
}

#define INFO(id, type, number) "{\"targetId\":\"" id number "\",\"type\":\"" type "\",\"title\":\"\",\"url\":\"about:blank\",\"attached\":true,\"canAccessOpener\":false,\"browserContextId\":\"CONTEXT" number "\"}"
#define PAGE INFO("PAGE", "page", "")
#define BROWSER INFO("BROWSER", "browser", "")

static const char *after(const char *id, const char *kind) { /* the number in an id */
    return strncmp(id, kind, strlen(kind)) ? "" : id + strlen(kind);
}

static void command(struct peer *p, const char *message) {
    char method[64], session[SESSION], kind[16], which[32], made[64], event[512], end[SESSION + 32];
    const char *result = "{\"result\":{\"type\":\"number\",\"value\":1,\"description\":\"1\"}}";
    long id = number(message, "id", 0), size = number(message, "size", -1);
    string(message, "method", method, sizeof method);
    string(message, "sessionId", session, sizeof session);
    if (!strncmp(method, "Target.detach", 13)) *session = 0; /* there it is a parameter */
    if (!strcmp(method, "Bench.flood")) {
        string(message, "kind", kind, sizeof kind);
        strcpy(p->session, session);
        p->flood_id = id;
        flood(p, strcmp(kind, "data"));
        p->left = number(message, "n", 1000);
        return;
    }
    if (size >= 0) {
        answer_sized(p, id, session, size);
        return;
    }
    if (!strncmp(method, "Target.attachTo", 15)) {
        int browser = method[15] == 'B' || strstr(message, "\"BROWSER\"") != NULL, size;
        string(message, "targetId", which, sizeof which);
        tail(end, session);
        size = snprintf(event, sizeof event, "{\"method\":\"Target.attachedToTarget\",\"params\":{\"sessionId\":\"SESSION%d\",\"targetInfo\":", ++sessions);
        if (browser) size += snprintf(event + size, sizeof event - size, BROWSER);
        else size += snprintf(event + size, sizeof event - size, INFO("PAGE", "page", "%1$s"), after(which, "PAGE"));
        snprintf(event + size, sizeof event - size, ",\"waitingForDebugger\":false}%s", end);
        text(&p->out, event);
        sprintf(made, "{\"sessionId\":\"SESSION%d\"}", sessions);
        result = made;
    } else if (!strcmp(method, "Target.createBrowserContext")) {
        sprintf(made, "{\"browserContextId\":\"CONTEXT%d\"}", ++contexts);
        result = made;
    } else if (!strcmp(method, "Target.createTarget")) {
        string(message, "browserContextId", which, sizeof which);
        snprintf(event, sizeof event, "{\"method\":\"Target.targetCreated\",\"params\":{\"targetInfo\":" INFO("PAGE", "page", "%1$s") "}}", after(which, "CONTEXT"));
        text(&p->out, event);
        sprintf(made, "{\"targetId\":\"PAGE%s\"}", after(which, "CONTEXT"));
        result = made;
    } else if (!strcmp(method, "Target.setDiscoverTargets")) {
        text(&p->out, "{\"method\":\"Target.targetCreated\",\"params\":{\"targetInfo\":" BROWSER "}}");
        text(&p->out, "{\"method\":\"Target.targetCreated\",\"params\":{\"targetInfo\":" PAGE "}}");
        result = "{}";
    } else if (!strcmp(method, "Target.getTargets")) result = "{\"targetInfos\":[" PAGE "]}";
    else if (!strcmp(method, "Target.getTargetInfo")) result = "{\"targetInfo\":" BROWSER "}";
    else if (!strcmp(method, "Target.getBrowserContexts")) result = "{\"browserContextIds\":[]}";
    else if (!strcmp(method, "Browser.getVersion"))
        result = "{\"protocolVersion\":\"1.3\",\"product\":\"Chrome/150.0.0.0\",\"revision\":\"@0\",\"userAgent\":\"Bench\",\"jsVersion\":\"15.0\"}";
    else if (!strncmp(method, "Target.", 7)) result = "{}";
    answer(p, id, session, result);
}

static void hello(struct peer *p) {
    char *request, *end, *key, reply[1024], body[512], accept[64];
    request = (char *)p->in.at;
    request[p->in.used] = 0; /* there is always a byte to spare */
    if (!(end = strstr(request, "\r\n\r\n"))) return;
    *end = 0;
    if ((key = strcasestr(request, "\r\nsec-websocket-key:"))) {
        char joined[128];
        uint8_t digest[20];
        key += 20;
        key += strspn(key, " ");
        snprintf(joined, sizeof joined, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)strcspn(key, " \r\n"), key);
        sha1(joined, digest);
        base64(digest, 20, accept);
        sprintf(reply, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
        p->state = OPEN;
    } else {
        int list = !strstr(request, "/json/version");
        sprintf(body, "%s{\"Browser\":\"Chrome/150.0.0.0\",\"id\":\"PAGE\",\"type\":\"page\",\"url\":\"about:blank\",\"webSocketDebuggerUrl\":\"ws://127.0.0.1:%d/devtools/browser/bench\"}%s",
                list ? "[" : "", port, list ? "]" : "");
        sprintf(reply, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
        p->state = LAST;
    }
    append(&p->out, reply, strlen(reply));
    drop_front(&p->in, end + 4 - request);
}

static void frames(struct peer *p) {
    size_t done = 0;
    while (p->state == OPEN) {
        uint8_t *f = p->in.at + done;
        size_t there = p->in.used - done, at = 6;
        uint64_t size;
        if (there < 6) break; /* a masked frame has no fewer bytes */
        size = f[1] & 127;
        if (size > 125) {
            int wide = size == 126 ? 2 : 8;
            if (there < 6u + wide) break;
            size = 0;
            for (int i = 0; i < wide; i++) size = size << 8 | f[2 + i];
            at += wide;
        }
        if (!(f[1] & 128) || size > 1 << 26) p->state = LAST; /* no client of ours */
        if (there < at + size) break;
        for (uint64_t i = 0; i < size; i++) f[at + i] ^= f[at - 4 + (i & 3)];
        done += at + size;
        if ((f[0] & 15) == 8 || (f[0] & 15) == 9) {
            head(&p->out, (f[0] & 15) == 9 ? 10 : 8, size);
            append(&p->out, f + at, size);
            if ((f[0] & 15) == 8) p->state = LAST;
        } else {
            uint8_t *end = f + at + size, kept = *end; /* of the next frame, or to spare */
            *end = 0;
            command(p, (char *)f + at);
            *end = kept;
        }
    }
    if (done) drop_front(&p->in, done);
}

static int serve(struct peer *p, int readable) { /* 0 when the peer is gone */
    if (readable) {
        reserve(&p->in, 1 << 16);
        ssize_t got = recv(p->fd, p->in.at + p->in.used, p->in.room - p->in.used - 1, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN)) return 0;
        if (got > 0) p->in.used += got;
        if (p->state == HTTP) hello(p);
        frames(p);
    }
    for (;;) {
        pour(p);
        if (p->out.sent == p->out.used) break;
        ssize_t put = send(p->fd, p->out.at + p->out.sent, p->out.used - p->out.sent, MSG_NOSIGNAL);
        if (put < 0 && errno == EAGAIN) return 1;
        if (put < 0) return 0;
        p->out.sent += put;
        if (p->out.sent == p->out.used) p->out.sent = p->out.used = 0;
    }
    return p->state != LAST;
}

int main(void) {
    static struct peer *peers[PEERS];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int on = 1, door = socket(AF_INET, SOCK_STREAM, 0);
    signal(SIGPIPE, SIG_IGN);
    if (bind(door, (struct sockaddr *)&address, size) || listen(door, 16)) return perror("listen"), 1;
    getsockname(door, (struct sockaddr *)&address, &size);
    printf("%d\n", port = ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct pollfd polled[PEERS + 1] = {{.fd = door, .events = POLLIN}};
        struct peer *who[PEERS + 1];
        int count = 1;
        for (int i = 0; i < PEERS; i++)
            if (peers[i]) {
                who[count] = peers[i];
                polled[count++] = (struct pollfd){peers[i]->fd, POLLIN | (peers[i]->out.used > peers[i]->out.sent ? POLLOUT : 0), 0};
            }
        if (poll(polled, count, -1) < 0) continue;
        for (int i = 1; i < count; i++) {
            if (!polled[i].revents || serve(who[i], polled[i].revents & ~POLLOUT)) continue;
            for (int k = 0; k < PEERS; k++)
                if (peers[k] == who[i]) peers[k] = NULL;
            close(who[i]->fd);
            free(who[i]->in.at), free(who[i]->out.at), free(who[i]->events.at), free(who[i]);
        }
        if (polled[0].revents) {
            int fd = accept(door, NULL, NULL), k = 0;
            while (k < PEERS && peers[k]) k++;
            if (fd < 0 || k == PEERS) {
                if (fd >= 0) close(fd);
                continue;
            }
            fcntl(fd, F_SETFL, O_NONBLOCK);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            peers[k] = calloc(1, sizeof *peers[k]);
            peers[k]->fd = fd;
        }
    }
}
