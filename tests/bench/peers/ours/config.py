"""Writes causeway.toml and the resources of one benchmark mode into $WORKDIR."""
import json, os
e = os.environ
mode, work = e["MODE"], e["WORKDIR"]
os.makedirs(f"{work}/resources")
listen = dict(http="[]", https="[]", dns="[]")
listen[{"https": "https", "dns": "dns"}.get(mode, "http")] = f'["127.0.0.1:{e["LISTEN_PORT"]}"]'
open(f"{work}/causeway.toml", "w").write(f"""name = "bench"
state = "{work}/state"
socket = "{work}/causeway.sock"
resources = "{work}/resources"
workers = 1
[listen]
http = {listen["http"]}
https = {listen["https"]}
dns = {listen["dns"]}
[addresses]
public = ["127.0.0.1"]
[log]
level = "warn"
access = "{work}/access.log"
""")
def resource(kind, name, spec):
    return {"apiVersion": "causeway.dev/v1", "kind": kind, "metadata": {"name": name, "namespace": "bench"}, "spec": spec}
def zone():
    """The benchmark's zone file, record by record (it is written one record a line)."""
    records = {}
    for line in open(e["ZONE_FILE"]):
        f = line.split()
        if len(f) >= 4 and f[-2] in ("A", "AAAA") and not f[0].startswith((";", "$", "ns")):
            records.setdefault((f[0].removesuffix(".bench.test."), f[-2].lower()), []).append(f[-1])
    return resource("Zone", "bench.test", {
        "nameservers": [{"name": "ns1.bench.test", "addresses": ["127.0.0.1"]}],
        "records": [{"name": name, kind: values} for (name, kind), values in records.items()]})
if mode == "dns":
    out = [zone()]
else:
    domains = ["localhost", "bench.test", "*.bench.test"]
    paths = ["/"]
    if mode == "routes_host": domains = [line.split()[0] for line in open(e["ROUTES_FILE"])] + ["bench.test"]
    if mode == "routes_path": paths = [line.split()[1] for line in open(e["ROUTES_FILE"])] + ["/"]
    # As many in one resource as it takes: paths of an application, domains of an ingress.
    parts = lambda all, size: [all[at:at + size] for at in range(0, len(all), size)]
    out = [resource("Secret", "cert", {"stringData": {"tls.crt": open(e["CERT"]).read(), "tls.key": open(e["KEY"]).read()}})]
    out += [resource("Application", f"app-{n}", {
        "endpoints": [{"address": "127.0.0.1"}],
        "ports": [{"name": "http-web", "port": int(e["UPSTREAM_PORT"])}],
        "api": [{"path": {"prefix": p}, "authentication": "none"} for p in part]}) for n, part in enumerate(parts(paths, 10000))]
    out += [resource("SecureIngress", f"edge-{n}", {
        "domains": part, "certificate": {"secret": "cert"}, "http": "serve", "hsts": {"enabled": False},
        "applications": {"namespaces": ["bench"]}}) for n, part in enumerate(parts(domains, 100))]
json.dump({"apiVersion": "v1", "kind": "List", "items": out}, open(f"{work}/resources/bench.json", "w"))
