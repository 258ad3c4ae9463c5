// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.fairway.lab.bench.Http2Client.Call;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.net.IpAddress;
import dev.fairway.provision.CertificateAuthority;
import dev.fairway.provision.CertificateAuthority.KeyFiles;
import dev.fairway.provision.CertificateAuthority.Subject;
import dev.fairway.store.EmbeddedStore;
import dev.fairway.store.Store;
import dev.fairway.store.StoreConfig;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The API server in a process of its own, through TLS and HTTP/2, on cores that the client shares.
final class ApiBench implements Bench.Benchmark {
  private static final String MAPS = "/api/v1/namespaces/default/configmaps";
  private static final String POD_LIST = "/api/v1/pods";
  private static final int PODS = 10_000;
  private static final int WATCHERS = 1000;
  private static final int EVENTS_PER_SECOND = 50;
  private static final int LISTS_AT_ONCE = 50;
  private static final int MANY_OBJECTS = 50_000;
  private static final int DEFINITIONS = 200;
  private static final int CREATORS = 64;
  private static final String MARK = "\"seq\":\"";

  private @Nullable Path directory;
  private @Nullable CertificateAuthority authority;
  private @Nullable KeyFiles admin;
  private boolean quick;

  @Override
  public List<Row> run(boolean quick) throws Exception {
    Bench.refuseHostNamespace();
    try (RouteNetlink links = RouteNetlink.open()) {
      links.apply(ChangeLink.of("lo").setUp());
    }
    this.quick = quick;
    Path made = Files.createTempDirectory(Path.of("/var/tmp"), "fairway-api-bench");
    directory = made;
    try {
      keys(made);
      List<Row> rows = new ArrayList<>();
      starts(rows);
      requests(rows);
      big(rows);
      return rows;
    } finally {
      StoreBench.remove(made);
    }
  }

  private void keys(Path directory) {
    CertificateAuthority made = CertificateAuthority.openOrCreate(directory, Instant.now());
    IpAddress loopback = IpAddress.parse("127.0.0.1");
    made.issue("server", new Subject("server", List.of(), List.of(), List.of(loopback)));
    made.signingKeys("tokens");
    admin = made.issue("admin", Subject.client("admin", "system:masters"));
    authority = made;
  }

  private ApiProcess api(boolean fast) throws IOException {
    return ApiProcess.start(fast, "fairway", String.valueOf(directory));
  }

  private Http2Client client(ApiProcess server) throws IOException {
    if (authority == null || admin == null) {
      throw new IllegalStateException("no keys yet");
    }
    return new Http2Client(server.port(), authority.certificateFile(), admin);
  }

  /// From the process's start to the first answer.
  private void starts(List<Row> rows) throws Exception {
    for (boolean fast : new boolean[] {true, false}) {
      Samples times = new Samples();
      for (int i = 0; i < (quick ? 4 : 8); i++) {
        try (ApiProcess server = api(fast);
            Http2Client client = client(server)) {
          get(client, "/api/v1/namespaces/default");
          double seconds = (System.nanoTime() - server.startedNanos()) / 1e9;
          if (i > 0) {
            times.add(seconds);
          }
          if (fast && i == 1) {
            rows.add(
                Row.within(
                    "memory of an idle server just started",
                    server.residentMib("VmRSS"),
                    "MiB",
                    256));
          }
        }
      }
      rows.add(
          Row.within(
              "JVM start to first answer, " + (fast ? "with" : "without") + " the AOT cache",
              times.median(),
              "s",
              fast ? 0.8 : 1.5));
    }
  }

  private void requests(List<Row> rows) throws Exception {
    try (ApiProcess server = api(false);
        Http2Client client = client(server)) {
      creates(rows, client);
      post(client, MAPS, map("\"name\":\"one\"", 1024));
      byte[] one = get(client, MAPS + "/one");
      try (ApiProcess bare =
              ApiProcess.start(
                  false, "bare", String.valueOf(directory), String.valueOf(one.length));
          Http2Client other = client(bare)) {
        gets(rows, server, client, bare, other);
      }
      watches(rows, server, client);
    }
  }

  private void creates(List<Row> rows, Http2Client client) throws Exception {
    byte[] body = map("\"generateName\":\"bench-\"", 1024);
    Loaded.of(client, CREATORS, 1, 3, () -> new Call("POST", MAPS, body));
    Loaded loaded = Loaded.of(client, CREATORS, 1, 3, () -> new Call("POST", MAPS, body));
    loaded.mustAll(201);
    rows.add(
        Row.atLeast("creates of 1 KB by 64 clients", loaded.perSecond(), "1/s", "limit", 4000, 1));
    rows.add(Row.within("the same, 99 % of them", loaded.percentileMillis(99), "ms", 50));
  }

  private void gets(
      List<Row> rows,
      ApiProcess server,
      Http2Client client,
      ApiProcess bare,
      Http2Client bareClient)
      throws Exception {
    Supplier<Call> ask = () -> Call.get(MAPS + "/one");
    Samples ours = new Samples();
    Samples theirs = new Samples();
    Samples cpu = new Samples();
    Samples bareCpu = new Samples();
    Loaded.of(client, 20, 20, quick ? 4 : 12, ask);
    Loaded.of(bareClient, 20, 20, quick ? 4 : 12, ask);
    for (int i = 0; i < 3; i++) {
      Duration before = server.cpu();
      Loaded loaded = Loaded.of(client, 20, 20, 2, ask);
      loaded.mustAll(200);
      ours.add(loaded.perSecond());
      cpu.add(server.cpu().minus(before).toNanos() / 1e3 / loaded.count());
      before = bare.cpu();
      loaded = Loaded.of(bareClient, 20, 20, 2, ask);
      theirs.add(loaded.perSecond());
      bareCpu.add(bare.cpu().minus(before).toNanos() / 1e3 / loaded.count());
    }
    rows.add(
        Row.atLeast(
            "GETs of 1 KB", ours.median(), "1/s", "a bare Netty server", theirs.median(), 0.6));
    rows.add(
        Row.fasterBy(
            "the same, processor time of the server",
            cpu.median(),
            "µs",
            "a bare Netty server",
            bareCpu.median(),
            0.6));
  }

  private void watches(List<Row> rows, ApiProcess server, Http2Client client) throws Exception {
    post(client, MAPS, seq("watched", 0));
    byte[] list = get(client, MAPS + "?limit=1");
    String text = new String(list, US_ASCII);
    String revision = text.replaceAll("(?s)^.*?\"resourceVersion\":\"(\\d+)\".*$", "$1");
    String path =
        MAPS + "?watch=1&fieldSelector=metadata.name%3Dwatched&resourceVersion=" + revision;
    int warm = EVENTS_PER_SECOND * (quick ? 4 : 10);
    int events = EVENTS_PER_SECOND * (quick ? 5 : 10);
    long[] written = new long[warm + events + 1];
    AtomicLong delivered = new AtomicLong();
    Samples micros = new Samples();
    Http2Client.Script script =
        new Http2Client.Script() {
          @Override
          public Call next() {
            return Call.get(path);
          }

          @Override
          public void answered(int status, long micros) {}

          @Override
          public void data(ByteBuf piece) {
            String bytes = piece.toString(US_ASCII);
            for (int at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + 1)) {
              int from = at + MARK.length();
              int number = Integer.parseInt(bytes, from, bytes.indexOf('"', from), 10);
              delivered.incrementAndGet();
              if (number > warm) {
                micros.add((System.nanoTime() - written[number]) / 1e3);
              }
            }
          }
        };
    Http2Client watching = client(server);
    try (watching;
        Http2Client.Connections all = watching.open(20, WATCHERS / 20, script)) {
      Duration before = Duration.ZERO;
      long next = System.nanoTime();
      for (int number = 1; number <= warm + events; number++) {
        next += 1_000_000_000L / EVENTS_PER_SECOND;
        long wait = next - System.nanoTime();
        if (wait > 0) {
          TimeUnit.NANOSECONDS.sleep(wait);
        }
        if (number == warm + 1) {
          awaitCount(delivered, (long) warm * WATCHERS);
          before = server.cpu();
        }
        written[number] = System.nanoTime();
        put(client, MAPS + "/watched", seq("watched", number));
      }
      awaitCount(delivered, (long) (warm + events) * WATCHERS);
      double cpu = server.cpu().minus(before).toNanos() / 1e3 / ((double) events * WATCHERS);
      rows.add(Row.within("1,000 watchers: processor time a delivery", cpu, "µs", 2));
      rows.add(
          Row.within(
              "write to watch at 50 events/s, 99 % of them",
              micros.percentile(99) / 1e3, "ms", 10));
    }
  }

  private static void awaitCount(AtomicLong count, long wanted) throws Exception {
    // A number that lies across two pieces is not seen.
    long enough = wanted - wanted / 1000;
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (count.get() < enough) {
      if (System.nanoTime() > deadline) {
        throw new IOException("only " + count + " of " + enough + " deliveries came");
      }
      TimeUnit.MILLISECONDS.sleep(5);
    }
  }

  /// Many objects: a long list, and what a start and discovery cost then.
  private void big(List<Row> rows) throws Exception {
    fill();
    Samples starts = new Samples();
    for (int i = 0; i < (quick ? 2 : 4); i++) {
      try (ApiProcess server = api(true);
          Http2Client client = client(server)) {
        get(client, "/api/v1/namespaces/default");
        starts.add((System.nanoTime() - server.startedNanos()) / 1e9);
      }
    }
    rows.add(
        Row.within("50,000 objects, 200 CRDs: JVM start to first answer", starts.median(), "s", 2));
    try (ApiProcess server = api(true);
        Http2Client client = client(server)) {
      Samples discovery = new Samples();
      for (int i = 0; i < 30; i++) {
        long start = System.nanoTime();
        get(client, "/apis");
        discovery.add((System.nanoTime() - start) / 1e6);
      }
      rows.add(Row.within("the same: discovery", discovery.median(), "ms", 20));
      lists(rows, server, client);
    }
  }

  private void lists(List<Row> rows, ApiProcess server, Http2Client client) throws Exception {
    int length = get(client, POD_LIST).length;
    Supplier<Call> ask = () -> Call.get(POD_LIST);
    Loaded.of(client, 2, 1, quick ? 6 : 15, ask);
    Duration before = server.cpu();
    Loaded loaded = Loaded.of(client, 2, 1, 4, ask);
    loaded.mustAll(200);
    double cpu = server.cpu().minus(before).toNanos() / 1e9;
    rows.add(
        Row.atLeast(
            "a list of 10,000 pods, a core of the server",
            loaded.bytes() / cpu / 1e9,
            "GB/s",
            "limit",
            0.8,
            1));
    double resident = server.residentMib("VmHWM");
    Loaded.of(client, LISTS_AT_ONCE, 1, 4, ask).mustAll(200);
    rows.add(
        Row.within(
            "memory that 50 lists of " + length / 1_000_000 + " MB at once want more than 2",
            server.residentMib("VmHWM") - resident,
            "MiB",
            100));
  }

  /// Writes pods and other objects into the store as the API server itself would: each a copy of
  /// one it made.
  private void fill() throws Exception {
    try (ApiProcess server = api(false);
        Http2Client client = client(server)) {
      post(
          client,
          "/api/v1/namespaces/default/serviceaccounts",
          "{\"metadata\":{\"name\":\"default\"}}".getBytes(US_ASCII));
      post(
          client,
          "/api/v1/namespaces/default/pods",
          """
          {"metadata":{"name":"template","labels":{"app":"template"}},"spec":{"containers":[{"name":"main","image":"example.test/main:1",
          "ports":[{"containerPort":8080}],"env":[{"name":"A","value":"a"}]}]}}
          """
              .getBytes(US_ASCII));
      for (int i = 0; i < DEFINITIONS; i++) {
        post(
            client,
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            """
            {"metadata":{"name":"things%1$d.bench%2$d.example.test"},"spec":{"group":"bench%2$d.example.test","scope":"Namespaced",
            "names":{"kind":"Thing%1$d","plural":"things%1$d","singular":"thing%1$d"},"versions":[{"name":"v1","served":true,
            "storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object",
            "properties":{"size":{"type":"integer"},"name":{"type":"string"}}}}}}}]}}
            """
                .formatted(i, i % 20)
                .getBytes(US_ASCII));
      }
    }
    try (Store store =
        EmbeddedStore.open(StoreConfig.of(Path.of(String.valueOf(directory), "objects.db")))) {
      copy(store, "/registry/pods/default/template", "template", PODS);
      copy(store, "/registry/configmaps/default/one", "one", MANY_OBJECTS - PODS);
    }
  }

  private static void copy(Store store, String key, String name, int count)
      throws InterruptedException {
    var entry = store.get(key);
    if (entry == null) {
      throw new IllegalStateException("the store has no " + key);
    }
    String text = new String(entry.value(), US_ASCII);
    String prefix = key.substring(0, key.lastIndexOf('/') + 1);
    List<Thread> writers = new ArrayList<>();
    for (int writer = 0; writer < CREATORS; writer++) {
      int first = writer;
      writers.add(
          Thread.ofVirtual()
              .start(() -> {
                for (int i = first; i < count; i += CREATORS) {
                  String copied = name + "-" + i;
                  store.create(
                      prefix + copied,
                      text.replace("\"name\":\"" + name + "\"", "\"name\":\"" + copied + "\"")
                          .getBytes(US_ASCII));
                }
              }));
    }
    for (Thread each : writers) {
      each.join();
    }
  }

  private static byte[] map(String name, int bytes) {
    char[] filling = new char[Math.max(1, bytes - 200)];
    Arrays.fill(filling, 'x');
    return ("{\"metadata\":{" + name + "},\"data\":{\"filling\":\"" + new String(filling) + "\"}}")
        .getBytes(US_ASCII);
  }

  private static byte[] seq(String name, int number) {
    return ("{\"metadata\":{\"name\":\"" + name + "\"},\"data\":{" + MARK + number + "\"}}")
        .getBytes(US_ASCII);
  }

  private static byte[] get(Http2Client client, String path) throws Exception {
    return client.call(Call.get(path));
  }

  private static void post(Http2Client client, String path, byte[] body) throws Exception {
    client.call(new Call("POST", path, body));
  }

  private static void put(Http2Client client, String path, byte[] body) throws Exception {
    client.call(new Call("PUT", path, body));
  }
}
