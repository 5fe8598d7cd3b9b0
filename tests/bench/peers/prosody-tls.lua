run_as_root = true
pidfile = "@RUN@/prosody.pid"
data_path = "@RUN@/store"
interfaces = { "127.0.0.1" }
c2s_ports = { }
c2s_direct_tls_ports = { @PORT@ }
ssl = { key = "@RUN@/key.pem", certificate = "@RUN@/cert.pem" }
s2s_ports = { }
modules_enabled = { "saslauth", "roster", "offline", "smacks", "ping", "disco" }
modules_disabled = { "s2s" }
authentication = "internal_plain"
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
log = { warn = "*console" }
VirtualHost "localhost"
Component "conference.localhost" "muc"
muc_room_locking = false
