// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.streaming.KubeletTls;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Admission webhooks: the real API server asks a real HTTPS server.
final class WebhooksTest {
  private static final String CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/";
  private static final String RULE =
      "rules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: [configmaps]}]";

  @TempDir static Path directory;
  private static TestServer server;
  private static Api api;
  private static HttpsServer hooks;
  private static ExecutorService threads;
  private static final CountDownLatch END = new CountDownLatch(1);
  private static final Map<String, Consumer<ObjectNode>> ANSWERS = new ConcurrentHashMap<>();
  private static final Map<String, List<JsonNode>> ASKED = new ConcurrentHashMap<>();

  @BeforeAll
  static void start() throws Exception {
    server = new TestServer(directory);
    api = new Api(server, "admin");
    hooks = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    hooks.setHttpsConfigurator(
        new HttpsConfigurator(
            KubeletTls.context(
                server.pki().file("server.crt"),
                server.pki().file("server.key"),
                server.pki().file("ca.crt"))));
    threads = Executors.newVirtualThreadPerTaskExecutor();
    hooks.setExecutor(threads);
    hooks.createContext("/", WebhooksTest::answer);
    hooks.start();
    api.namespace("hooks", "");
    api.namespace("other", "tier: back");
  }

  @AfterAll
  static void stop() {
    END.countDown();
    hooks.stop(0);
    threads.shutdownNow();
    api.close();
    server.close();
  }

  @AfterEach
  void forget() throws Exception {
    for (String kind : List.of("mutating", "validating")) {
      api.delete(CONFIGURATIONS + kind + "webhookconfigurations");
    }
    ANSWERS.clear();
    ASKED.clear();
  }

  private static void answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    if (path.equals("/away")) {
      exchange.getResponseHeaders().add("Location", "https://127.0.0.1:" + port() + "/allow");
      exchange.sendResponseHeaders(302, -1);
      return;
    }
    JsonNode review = Trees.read(exchange.getRequestBody().readAllBytes());
    JsonNode request = review.path("request");
    ASKED.computeIfAbsent(path, _ -> new CopyOnWriteArrayList<>()).add(request);
    if (path.equals("/silent")) {
      try {
        END.await(60, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    ObjectNode answer = Trees.object();
    answer.put("apiVersion", "admission.k8s.io/v1").put("kind", "AdmissionReview");
    ObjectNode response = answer.putObject("response");
    response.put("uid", Trees.text(request, "uid")).put("allowed", true);
    ANSWERS.getOrDefault(path, _ -> {}).accept(response);
    byte[] bytes = Trees.write(answer);
    exchange.sendResponseHeaders(200, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  private static int port() {
    return hooks.getAddress().getPort();
  }

  private static void patch(String path, String patch) {
    ANSWERS.put(
        path,
        response ->
            response
                .put("patchType", "JSONPatch")
                .put(
                    "patch",
                    Base64.getEncoder().encodeToString(patch.getBytes(StandardCharsets.UTF_8))));
  }

  private static String bundle() throws IOException {
    return Base64.getEncoder().encodeToString(Files.readAllBytes(server.pki().file("ca.crt")));
  }

  private static String hook(String name, String path, String more) throws IOException {
    return "{name: "
        + name
        + ".example.com, admissionReviewVersions: [v1], sideEffects: None, clientConfig: {url:"
        + " 'https://127.0.0.1:"
        + port()
        + path
        + "', caBundle: "
        + bundle()
        + "}, "
        + more
        + "}";
  }

  private static void configure(String kind, String name, String... hooks) throws Exception {
    var made =
        api.post(
            CONFIGURATIONS + kind.toLowerCase(java.util.Locale.ROOT) + "webhookconfigurations",
            "{apiVersion: admissionregistration.k8s.io/v1, kind: "
                + kind
                + "WebhookConfiguration, metadata: {name: "
                + name
                + "}, webhooks: ["
                + String.join(",", hooks)
                + "]}");
    assertThat(made.code()).as(made.message()).isEqualTo(201);
  }

  private static String map(String name) {
    return "{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + "}, data: {a: b}}";
  }

  @Test
  void aWebhookSeesWhatIsAskedAndMaySayNo() throws Exception {
    configure("Validating", "v", hook("no", "/no", RULE));
    ANSWERS.put(
        "/no",
        response -> {
          response.put("allowed", false).putArray("warnings").add("think \"twice\"");
          response.putObject("status").put("message", "not on a Monday").put("code", 418);
        });
    var refused = api.create("hooks", map("m"));
    assertThat(refused.code()).isEqualTo(418);
    assertThat(refused.message())
        .isEqualTo("admission webhook \"no.example.com\" denied the request: not on a Monday");
    assertThat(refused.warnings()).containsExactly("think \"twice\"");
    JsonNode request = ASKED.get("/no").getFirst();
    assertThat(Trees.text(request, "operation")).isEqualTo("CREATE");
    assertThat(Trees.text(request, "namespace")).isEqualTo("hooks");
    assertThat(Trees.text(request, "userInfo", "username")).isEqualTo("admin");
    assertThat(request.path("kind").toString())
        .isEqualTo("{\"group\":\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\"}");
    assertThat(Trees.text(request, "object", "data", "a")).isEqualTo("b");
    assertThat(request.path("oldObject").isNull()).isTrue();
    assertThat(Trees.text(request, "options", "kind")).isEqualTo("CreateOptions");
    ANSWERS.put("/no", response -> response.put("allowed", false));
    assertThat(api.create("hooks", map("m")).message())
        .isEqualTo("admission webhook \"no.example.com\" denied the request without explanation");
  }

  @Test
  void updatesAndDeletesAreAskedForToo() throws Exception {
    assertThat(api.create("hooks", map("living")).code()).isEqualTo(201);
    configure("Validating", "v", hook("see", "/see", RULE));
    String path = "/api/v1/namespaces/hooks/configmaps/living";
    assertThat(api.merge(path, "{\"data\":{\"a\":\"c\"}}").code()).isEqualTo(200);
    ANSWERS.put("/see", response -> response.put("allowed", false));
    assertThat(api.delete(path).code()).isEqualTo(400);
    assertThat(api.get(path).code()).isEqualTo(200);
    List<JsonNode> asked = ASKED.get("/see");
    assertThat(asked)
        .extracting(r -> Trees.text(r, "operation"))
        .containsExactly("UPDATE", "DELETE");
    assertThat(Trees.text(asked.getFirst(), "oldObject", "data", "a")).isEqualTo("b");
    assertThat(asked.getLast().path("object").isNull()).isTrue();
    assertThat(Trees.text(asked.getLast(), "oldObject", "data", "a")).isEqualTo("c");
  }

  @Test
  void objectsAreChangedInTurnAndThoseWhoWantSeeThemAgain() throws Exception {
    patch("/first", "[{\"op\":\"add\",\"path\":\"/data/first\",\"value\":\"1\"}]");
    patch("/second", "[{\"op\":\"add\",\"path\":\"/data/second\",\"value\":\"2\"}]");
    configure("Mutating", "b", hook("second", "/second", RULE), hook("idle", "/idle", RULE));
    configure("Mutating", "a", hook("first", "/first", RULE + ", reinvocationPolicy: IfNeeded"));
    configure("Validating", "v", hook("last", "/last", RULE));
    var made = api.create("hooks", map("changed"));
    assertThat(made.at("data")).isEqualTo("{\"a\":\"b\",\"first\":\"1\",\"second\":\"2\"}");
    assertThat(ASKED.get("/first")).hasSize(2);
    assertThat(Trees.text(ASKED.get("/first").getLast(), "object", "data", "second"))
        .isEqualTo("2");
    assertThat(ASKED.get("/second")).hasSize(1);
    assertThat(ASKED.get("/idle")).hasSize(1);
    assertThat(Trees.text(ASKED.get("/last").getFirst(), "object", "data", "second"))
        .isEqualTo("2");
  }

  @Test
  void whatMatchesIsAskedForAndNothingElse() throws Exception {
    configure(
        "Validating",
        "v",
        hook("ns", "/ns", RULE + ", namespaceSelector: {matchLabels: {tier: back}}"),
        hook("ob", "/ob", RULE + ", objectSelector: {matchLabels: {app: web}}"),
        hook("up", "/up", RULE.replace("operations: ['*']", "operations: [UPDATE]")),
        hook("pods", "/pods", RULE.replace("configmaps", "pods, 'configmaps/status'")),
        hook("cluster", "/cluster", RULE.replace("resources:", "scope: Cluster, resources:")),
        hook("all", "/all", RULE.replace("resources: [configmaps]", "resources: ['*/*']")));
    api.create("hooks", map("plain"));
    assertThat(ASKED.keySet()).containsExactly("/all");
    api.create("other", map("plain"));
    assertThat(ASKED.keySet()).containsExactlyInAnyOrder("/all", "/ns");
    api.create("hooks", map("web").replace("name: web", "name: web, labels: {app: web}"));
    assertThat(ASKED.keySet()).containsExactlyInAnyOrder("/all", "/ns", "/ob");
    // Nobody is asked about the configurations themselves.
    assertThat(ASKED.get("/all"))
        .allSatisfy(
            request -> assertThat(Trees.text(request, "kind", "kind")).isEqualTo("ConfigMap"));
  }

  @Test
  void aDryRunAsksOnlyThoseWithoutSideEffects() throws Exception {
    configure(
        "Validating", "v", hook("some", "/some", RULE).replace("Effects: None", "Effects: Some"));
    String path = "/api/v1/namespaces/hooks/configmaps?dryRun=All";
    var refused = api.post(path, map("dry"));
    assertThat(refused.code()).isEqualTo(400);
    assertThat(refused.message())
        .isEqualTo("admission webhook \"some.example.com\" does not support dry run");
    forget();
    configure("Validating", "v", hook("none", "/none", RULE));
    assertThat(api.post(path, map("dry")).code()).isEqualTo(201);
    assertThat(Trees.flag(ASKED.get("/none").getFirst(), "dryRun")).isTrue();
  }

  @Test
  void failuresDoWhatTheirPolicySays() throws Exception {
    String gone = hook("gone", "/", RULE).replace(":" + port() + "/", ":1/");
    configure("Validating", "v", gone);
    var refused = api.create("hooks", map("m"));
    assertThat(refused.code()).isEqualTo(500);
    assertThat(refused.message())
        .startsWith(
            "Internal error occurred: failed calling webhook \"gone.example.com\": failed to call"
                + " webhook: Post \"https://127.0.0.1:1/?timeout=10s\": ");
    forget();
    configure("Validating", "v", gone.replace("{name", "{failurePolicy: Ignore, name"));
    assertThat(api.create("hooks", map("open")).code()).isEqualTo(201);
    forget();
    configure("Validating", "v", hook("late", "/silent", RULE + ", timeoutSeconds: 1"));
    assertThat(api.create("hooks", map("m")).message())
        .endsWith("/silent?timeout=1s\": context deadline exceeded");
    forget();
    // CVE-2020-8561: nobody is led elsewhere by an answer.
    configure("Validating", "v", hook("away", "/away", RULE));
    assertThat(api.create("hooks", map("m")).message())
        .endsWith("failed to call webhook: the server answered with status 302");
    assertThat(ASKED).doesNotContainKey("/allow");
    forget();
    ANSWERS.put("/bad", response -> response.put("uid", "another"));
    configure("Validating", "v", hook("bad", "/bad", RULE));
    assertThat(api.create("hooks", map("m")).message())
        .contains("failed calling webhook \"bad.example.com\": expected response.uid=");
    forget();
    patch("/bad", "[{\"op\":\"remove\",\"path\":\"/data/absent\"}]");
    configure("Mutating", "m", hook("bad", "/bad", RULE));
    assertThat(api.create("hooks", map("m")).code()).isEqualTo(500);
  }

  @Test
  void aServiceIsReachedByItsEndpoints() throws Exception {
    String service =
        "{apiVersion: v1, kind: Service, metadata: {name: hook}, spec: {ports: [{port: 443}]}}";
    assertThat(api.create("hooks", service).code()).isEqualTo(201);
    String hook =
        hook("svc", "/svc", RULE)
            .replace(
                "url: 'https://127.0.0.1:" + port() + "/svc'",
                "service: {name: hook, namespace: hooks, path: /svc}");
    configure("Validating", "v", hook);
    assertThat(api.create("hooks", map("m")).message())
        .isEqualTo(
            "Internal error occurred: failed calling webhook \"svc.example.com\": failed to call"
                + " webhook: Post \"https://hook.hooks.svc:443/svc?timeout=10s\": no endpoints"
                + " available for service \"hook\"");
    forget();
    // The name in the certificate is the Service's, wherever it leads.
    String outside =
        "{apiVersion: v1, kind: Service, metadata: {name: hook}, spec: {type: ExternalName,"
            + " externalName: localhost}}";
    api.delete("/api/v1/namespaces/hooks/services/hook");
    assertThat(api.create("hooks", outside).code()).isEqualTo(201);
    configure(
        "Validating", "v", hook.replace("name: hook, ", "name: hook, port: " + port() + ", "));
    assertThat(api.create("hooks", map("reached")).code()).isEqualTo(201);
    assertThat(ASKED.get("/svc")).hasSize(1);
  }
}
