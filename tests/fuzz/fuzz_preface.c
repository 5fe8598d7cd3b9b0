/*
 * fuzz_preface.c - both prefaces, the server's proof and certificate, the text a login signs: fixed
 * layouts, so everything that is read must be written again as it was.
 */
#include "fuzz.h"
#include "link_proof.h"
#include "wire.h"

static void prefaces(const uint8_t *in)
{
    uint8_t ours[WIRE_CLIENT_PREFACE], theirs[WIRE_SERVER_PREFACE], prologue[WIRE_PROLOGUE];
    uint8_t refusal;
    const char *words = NULL;
    int version = wire_get_client_preface(in);
    CHECK(version == -1 || version == 0 || version == WIRE_VERSION);
    wire_put_client_preface(ours);
    CHECK(wire_get_client_preface(ours) == WIRE_VERSION);

    int chosen = wire_get_server_preface(in, &refusal);
    CHECK(chosen >= -1 && chosen <= 255);
    if (chosen == 0) {
        wire_put_server_preface(theirs, 0, refusal);
        CHECK(memcmp(theirs, in, sizeof theirs) == 0);
    }
    enum link_fault fault = shake_preface(in, &words);
    CHECK(words && (fault == LINK_FINE) == (chosen == WIRE_VERSION));
    wire_prologue(prologue, in, in);
    CHECK(memcmp(prologue + 7, in, WIRE_CLIENT_PREFACE) == 0);
}

static void proof(const uint8_t *data, size_t n)
{
    struct wire_proof p;
    uint8_t out[WIRE_PROOF], text[WIRE_CERT_SIGNED];
    struct buf cert = {0};
    bool good = wire_get_proof(data, n, &p);
    CHECK(good == (n == WIRE_PROOF));
    if (!good) return;
    wire_put_proof(out, &p);
    CHECK(memcmp(out, data, n) == 0);
    wire_cert_signed(&p.cert, text);
    CHECK(memcmp(text + 8, data, 80) == 0);
    wire_put_cert(&cert, &p.cert);
    CHECK(fuzz_same((struct slice){buf_head(&cert), buf_len(&cert)}, (struct slice){data, 144}));
    buf_free(&cert);
}

static void login(const uint8_t *data, size_t n)
{
    uint8_t out[WIRE_LOGIN_SIGNED_MAX], h[32] = {1}, challenge[16] = {2};
    struct slice name = {data, n < WIRE_NAME_MAX ? n : WIRE_NAME_MAX};
    size_t len = wire_login_signed(out, h, challenge, name, 3);
    CHECK(len == 6 + 32 + 16 + name.len + 8 && len <= sizeof out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = fuzz_copy(data, size);
    if (size >= WIRE_CLIENT_PREFACE) prefaces(exact);
    proof(exact, size);
    login(exact, size);
    free(exact);
    return 0;
}
