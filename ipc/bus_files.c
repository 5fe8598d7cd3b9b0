/* bus_files.c - see bus_files.h. */
#include "bus_files.h"

void bus_files_put_open(struct buf *b, const struct bus_files_open *m)
{
    buf_put_u64(b, m->sid);
    buf_put_u32(b, m->ref);
    buf_put_u8(b, m->put);
    buf_put_u8(b, m->complete);
    buf_put_u64(b, m->size);
    buf_put_u64(b, m->upto);
    buf_put_u64(b, m->at);
    buf_put_u64(b, m->most);
}

bool bus_files_get_open(struct slice p, struct bus_files_open *m)
{
    struct cur c = cur_of(p.data, p.len);
    m->sid = cur_u64(&c);
    m->ref = cur_u32(&c);
    m->put = cur_u8(&c) != 0;
    m->complete = cur_u8(&c) != 0;
    m->size = cur_u64(&c);
    m->upto = cur_u64(&c);
    m->at = cur_u64(&c);
    m->most = cur_u64(&c);
    return cur_end(&c);
}
