/* TLS on memory of choice, by Mbed TLS's allocation functions: a client and a server in one
 * program, certificates of both checked, a full handshake, megabytes in records of all sizes, an
 * alert, several sessions at once.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mbedtls/certs.h"
#include "mbedtls/ctr_drbg.h"
#include "mbedtls/entropy.h"
#include "mbedtls/platform.h"
#include "mbedtls/ssl.h"
#include "memory.h"

/* -- What a session has: two ends, and what is on its way -------------------------------------- */

enum { ROOM = 20000 };

struct wire {
    unsigned char bytes[ROOM];
    size_t first, end;
};

struct end {
    mbedtls_ssl_context ssl;
    struct wire *in, *out;
};

struct session {
    struct end client, server;
    struct wire to_client, to_server;
};

static mbedtls_ssl_config client_config, server_config;
static mbedtls_x509_crt authority, certificates[2];
static mbedtls_pk_context keys[2];
static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context numbers;

static void *cleared(size_t count, size_t size)
{
    void *block = memory_malloc(count * size); /* Mbed TLS's own products, which do not overflow */
    return block == NULL ? NULL : memset(block, 0, count * size);
}

static void released(void *block)
{
    if (block != NULL) {
        memory_free(block);
    }
}

static void must(int result, const char *what)
{
    if (result != 0) {
        printf("%s: -0x%04x\n", what, (unsigned)-result);
        exit(1);
    }
}

/* The same bytes in every run, so that all runs print the same. */
static int no_surprise(void *data, unsigned char *bytes, size_t size, size_t *filled)
{
    size_t index;
    (void)data;
    for (index = 0; index < size; index++) {
        bytes[index] = (unsigned char)(index * 37 + 11);
    }
    *filled = size;
    return 0;
}

static int put(void *data, const unsigned char *bytes, size_t size)
{
    struct wire *wire = ((struct end *)data)->out;
    size_t room = ROOM - wire->end;
    if (room == 0) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    size = size < room ? size : room;
    memcpy(wire->bytes + wire->end, bytes, size);
    wire->end += size;
    return (int)size;
}

static int get(void *data, unsigned char *bytes, size_t size)
{
    struct wire *wire = ((struct end *)data)->in;
    size_t there = wire->end - wire->first;
    if (there == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    size = size < there ? size : there;
    memcpy(bytes, wire->bytes + wire->first, size);
    wire->first += size;
    if (wire->first == wire->end) {
        wire->first = wire->end = 0;
    }
    return (int)size;
}

/* -- What both ends know beforehand ------------------------------------------------------------ */

static void configure(mbedtls_ssl_config *config, int side)
{
    const char *certificate =
        side == MBEDTLS_SSL_IS_SERVER ? mbedtls_test_srv_crt_ec : mbedtls_test_cli_crt_ec;
    const char *key =
        side == MBEDTLS_SSL_IS_SERVER ? mbedtls_test_srv_key_ec : mbedtls_test_cli_key_ec;
    mbedtls_ssl_config_init(config);
    mbedtls_x509_crt_init(&certificates[side]);
    mbedtls_pk_init(&keys[side]);
    must(mbedtls_ssl_config_defaults(config, side, MBEDTLS_SSL_TRANSPORT_STREAM,
                                     MBEDTLS_SSL_PRESET_DEFAULT),
         "defaults");
    must(mbedtls_x509_crt_parse(&certificates[side], (const unsigned char *)certificate,
                                strlen(certificate) + 1),
         "certificate");
    must(mbedtls_pk_parse_key(&keys[side], (const unsigned char *)key, strlen(key) + 1, NULL, 0),
         "key");
    must(mbedtls_ssl_conf_own_cert(config, &certificates[side], &keys[side]), "own certificate");
    mbedtls_ssl_conf_ca_chain(config, &authority, NULL);
    mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &numbers);
}

static void begin(void)
{
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&numbers);
    mbedtls_x509_crt_init(&authority);
    must(mbedtls_entropy_add_source(&entropy, no_surprise, NULL, 32, MBEDTLS_ENTROPY_SOURCE_STRONG),
         "entropy");
    must(mbedtls_ctr_drbg_seed(&numbers, mbedtls_entropy_func, &entropy, NULL, 0), "seed");
    must(mbedtls_x509_crt_parse(&authority, (const unsigned char *)mbedtls_test_ca_crt_ec,
                                strlen(mbedtls_test_ca_crt_ec) + 1),
         "authority");
    configure(&client_config, MBEDTLS_SSL_IS_CLIENT);
    configure(&server_config, MBEDTLS_SSL_IS_SERVER);
}

static void end(void)
{
    int side;
    for (side = 0; side < 2; side++) {
        mbedtls_x509_crt_free(&certificates[side]);
        mbedtls_pk_free(&keys[side]);
    }
    mbedtls_x509_crt_free(&authority);
    mbedtls_ssl_config_free(&client_config);
    mbedtls_ssl_config_free(&server_config);
    mbedtls_ctr_drbg_free(&numbers);
    mbedtls_entropy_free(&entropy);
}

/* -- A session --------------------------------------------------------------------------------- */

static void open_end(struct end *end, const mbedtls_ssl_config *config, struct wire *in,
                     struct wire *out)
{
    end->in = in;
    end->out = out;
    mbedtls_ssl_init(&end->ssl);
    must(mbedtls_ssl_setup(&end->ssl, config), "setup");
    mbedtls_ssl_set_bio(&end->ssl, end, put, get, NULL);
}

static int goes_on(int result, const char *what)
{
    if (result != MBEDTLS_ERR_SSL_WANT_READ && result != MBEDTLS_ERR_SSL_WANT_WRITE) {
        must(result, what);
    }
    return result != 0;
}

static struct session *open_session(const char *host)
{
    struct session *session = cleared(1, sizeof *session);
    int client, server;
    if (session == NULL) {
        must(MBEDTLS_ERR_SSL_ALLOC_FAILED, "session");
    }
    open_end(&session->client, &client_config, &session->to_client, &session->to_server);
    open_end(&session->server, &server_config, &session->to_server, &session->to_client);
    must(mbedtls_ssl_set_hostname(&session->client.ssl, host), "name");
    do {
        client = goes_on(mbedtls_ssl_handshake(&session->client.ssl), "handshake of the client");
        server = goes_on(mbedtls_ssl_handshake(&session->server.ssl), "handshake of the server");
    } while (client || server);
    return session;
}

static void close_session(struct session *session)
{
    unsigned char byte;
    must(mbedtls_ssl_close_notify(&session->client.ssl), "close");
    if (mbedtls_ssl_read(&session->server.ssl, &byte, 1) != MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        must(-1, "the server was not told");
    }
    mbedtls_ssl_free(&session->client.ssl);
    mbedtls_ssl_free(&session->server.ssl);
    released(session);
}

/* Sends `size` bytes from one end to the other; returns a sum of what arrived. */
static unsigned sent(struct end *from, struct end *to, size_t size, unsigned seed)
{
    unsigned char *bytes = cleared(size, 1), *arrived = cleared(size, 1);
    size_t written = 0, read = 0, index;
    unsigned sum = 0;
    must(bytes == NULL || arrived == NULL ? MBEDTLS_ERR_SSL_ALLOC_FAILED : 0, "bytes to send");
    for (index = 0; index < size; index++) {
        bytes[index] = (unsigned char)(seed + index * index);
    }
    while (read < size) {
        int result =
            written == size ? 0 : mbedtls_ssl_write(&from->ssl, bytes + written, size - written);
        written += result > 0 ? (size_t)result : 0;
        goes_on(result > 0 ? 0 : result, "write");
        result = mbedtls_ssl_read(&to->ssl, arrived + read, size - read);
        read += result > 0 ? (size_t)result : 0;
        goes_on(result > 0 ? 0 : result, "read");
    }
    must(memcmp(bytes, arrived, size), "what arrived is something else");
    for (index = 0; index < size; index++) {
        sum = sum * 31 + arrived[index];
    }
    released(arrived);
    released(bytes);
    return sum;
}

int main(int count, char **words)
{
    enum { SESSIONS = 3, ROUNDS = 4 };
    struct session *sessions[SESSIONS];
    size_t size, index, round, total = 0;
    unsigned sum = 0;
    memory_choose(count, words, 512 << 10);
    must(mbedtls_platform_set_calloc_free(cleared, released), "memory");
    begin();
    for (round = 0; round < ROUNDS; round++) {
        for (index = 0; index < SESSIONS; index++) {
            sessions[index] = open_session("localhost");
        }
        for (size = 1; size < 40000; size = size * 2 + 1) {
            for (index = 0; index < SESSIONS; index++) {
                struct session *session = sessions[index];
                sum ^= sent(&session->client, &session->server, size, (unsigned)(size + index));
                sum ^= sent(&session->server, &session->client, size / 2 + 1, (unsigned)round);
                total += size + size / 2 + 1;
            }
        }
        if (round == 0) {
            printf("%s, %s\n", mbedtls_ssl_get_version(&sessions[0]->client.ssl),
                   mbedtls_ssl_get_ciphersuite(&sessions[0]->client.ssl));
        }
        for (index = 0; index < SESSIONS; index++) {
            close_session(sessions[(index + round) % SESSIONS]);
        }
    }
    printf("%u sessions, %u bytes, sum %08x\n", SESSIONS * ROUNDS, (unsigned)total, sum);
    end();
    return memory_end();
}
