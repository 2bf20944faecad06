"""What every driver shares: the configuration, SPU's link, and the lines that the scenarios read."""

import json
import os
import re
import sys

import spu.libspu as libspu


def settings():
    """The driver's configuration: its one argument."""
    return json.loads(sys.argv[1])


def tell(**line):
    print(json.dumps(line), flush=True)


def connect(s):
    """SPU's link as the settings want it."""
    desc = libspu.link.Desc()
    desc.id = "root"
    for rank, address in enumerate(s["parties"]):
        desc.add_party(f"party-{rank}", address)
    desc.brpc_channel_protocol = s.get("carrier", "h2:grpc")
    if desc.brpc_channel_protocol.startswith("http"):
        desc.brpc_channel_connection_type = "pooled"  # brpc refuses one connection for many requests of HTTP/1
    desc.disable_msg_seq_id = not s["numbered"]
    desc.recv_timeout_ms = s["timeout"] * 1000
    desc.connect_retry_times = 300
    desc.connect_retry_interval_ms = 100
    if s.get("chunk"):
        desc.http_max_payload_size = s["chunk"]
    if s.get("tls"):
        desc.enable_ssl = True
        for options in (desc.client_ssl_opts, desc.server_ssl_opts):
            options.cert.certificate_path = s["tls"]["certificates"][s["rank"]]
            options.cert.private_key_path = s["tls"]["keys"][s["rank"]]
            options.verify.ca_file_path = s["tls"]["authority"]
            options.verify.verify_depth = 1
    return libspu.link.create_brpc(desc, s["rank"])


def main(play):
    """Plays a side. The last line tells what came of it; the process ends without the libraries' farewells."""
    try:
        report = play(settings())
    except BaseException as failure:  # whatever it is, the scenario wants to know
        import traceback

        traceback.print_exc()
        # SPU's errors go on with a stack trace, which is in the log.
        reason = " ".join(re.split("(?i)\nstacktrace", str(failure))[0].split())
        tell(error=f"{type(failure).__name__}: {reason}"[:500])
        sys.stderr.flush()
        os._exit(1)
    tell(**report)
    os._exit(0)
