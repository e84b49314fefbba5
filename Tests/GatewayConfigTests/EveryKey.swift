/// A file in which every mapping that a configuration can have stands, and every key that has no default.
///
/// The values that are masked when it is printed are masks already, in their order: what is printed is the file.
let everyKey = """
    listeners:
      - name: public
        address: "unix:/run/public.sock"
        mode: "0660"
        owner: 1
        group: 2
        h2: {}
        tls:
          certificates: [{ certificate: a.pem, private_key: a.key, ocsp: a.ocsp }]
          ticket_keys: tickets.bin
          client_ca: ca.pem
    admin:
      address: "unix:/run/admin.sock"
      mode: "0600"
      owner: 1
      group: 2
      token: masked-1
      takeover_socket: /run/takeover.sock
    limits: {}
    defaults: {}
    routes:
      - name: chat
        match:
          hosts: [a.example]
          path: /chat
          headers: { x-tenant: masked-2 }
          query: { room: masked-3 }
          subprotocols: [mqtt]
          listeners: [public]
        upstream: all
        rewrite: { strip_prefix: /chat }
        origins: ["https://a.example"]
        missing_origin: deny
        queue: {}
        compression: {}
        request_headers: { set: { x-a: masked-4 } }
        response_headers: { set: { x-b: masked-5 } }
        on_change: {}
      - name: replaced
        match: { path_prefix: /old }
        upstream: all
        rewrite: { replace_prefix: { from: /old, to: /new } }
        queue: off
        compression: {}
      - name: regular
        match: { path_regex: "/${A:-a}/[0-9]+" }
        upstream: hashed
        rewrite: { path: /x }
        compression: off
      - name: away
        match: { path: /away }
        redirect: { to: "https://a.example/?masked-6" }
      - name: page
        match: { path: /page }
        respond: { body: masked-7, content_type: text/plain, headers: { x-c: masked-8 } }
      - name: tool
        match: { path: /tool }
        command:
          run: [/bin/cat, masked-9]
          directory: "/srv/$${x"
          environment: { KEY: masked-10 }
          user: 65533
          group: 65534
    upstreams:
      - name: all
        servers: [{ address: "a.internal:1" }]
        h2: {}
        http1: {}
        sticky:
          cookie: stay
          secret: masked-11
          domain: a.example
          secure: true
          same_site: lax
          max_age: 1h
        tls: { server_name: a.internal, ca: ca.pem, certificate: b.pem, private_key: b.key }
        response_timeout: 3s
        health_check: { path: "/health?masked-12", host: a.internal }
      - name: hashed
        servers: [{ address: "[::1]:2" }]
        balance: { hash: { on: "cookie:user" } }
        health_check: {}
    log:
      format: json
      redact:
        client: hash
        host: hide
        path: hide
        query: hide
        origin: hide
        subprotocol: hide
        server: hash
        reason: hide
        user_agent: hide
        request_id: hash
        trace_id: hash
    drain: {}
    """
