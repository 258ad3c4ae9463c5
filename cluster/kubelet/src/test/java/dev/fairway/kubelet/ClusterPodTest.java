// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apiserver.ApiServer;
import dev.fairway.apiserver.ApiServerConfig;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.reconcile.ApiClients;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.store.EmbeddedStore;
import dev.fairway.store.Store;
import dev.fairway.store.StoreConfig;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// A node of a real cluster: real API server, real containerd, driven by kubectl.
class ClusterPodTest {
  private static Containerd containerd;
  private static Store store;
  private static ApiServer server;
  private static KubernetesClient client;
  private static Kubelet kubelet;
  private static ClusterFollower follower;
  private static Path directory;

  @BeforeAll
  static void begin() throws Exception {
    containerd = new Containerd();
    directory = containerd.directory;
    TestAuthority authority = new TestAuthority();
    KubeletConfig.Tls tls = authority.serving(directory);
    authority.issue(directory, "sa", "CN=sa");
    authority.issue(directory, "to-kubelet", "CN=kube-apiserver-kubelet-client");
    authority.issue(directory, "admin", "CN=admin,O=system:masters");
    authority.issue(directory, "node", "CN=system:node:node-a,O=system:nodes");
    store = EmbeddedStore.open(StoreConfig.of(directory.resolve("store.db")));
    server =
        ApiServer.start(
            new ApiServerConfig(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                IpAddress.parse("10.240.0.10"),
                tls.certificate(),
                tls.key(),
                tls.clientAuthority(),
                directory.resolve("sa.key"),
                List.of(directory.resolve("sa.pem")),
                "https://kubernetes.default.svc.cluster.local",
                directory.resolve("to-kubelet.pem"),
                directory.resolve("to-kubelet.key"),
                tls.clientAuthority(),
                List.of(Prefix.parse("10.32.0.0/16")),
                30000,
                32767,
                "cluster.local",
                store));
    client = ApiClients.connect(kubeconfig("node"), "fairway-node");
    startKubelet(tls);
    try (KubernetesClient admin = ApiClients.connect(kubeconfig("admin"), "test")) {
      admin
          .serviceAccounts()
          .inNamespace("default")
          .resource(
              new ServiceAccountBuilder()
                  .withNewMetadata()
                  .withName("default")
                  .endMetadata()
                  .build())
          .create();
      admin
          .configMaps()
          .inNamespace("default")
          .resource(
              new ConfigMapBuilder()
                  .withNewMetadata()
                  .withName("kube-root-ca.crt")
                  .endMetadata()
                  .addToData("ca.crt", Files.readString(tls.clientAuthority()))
                  .build())
          .create();
    }
  }

  private static void startKubelet(KubeletConfig.Tls tls) throws IOException {
    ClusterFollower.Builder follow = ClusterFollower.of(client);
    kubelet = Kubelet.start(containerd.kubeletConfig(tls), client, follow);
    follower = follow.start();
  }

  @AfterAll
  static void end() throws Exception {
    follower.close();
    kubelet.close();
    client.close();
    server.close();
    store.close();
    containerd.close();
  }

  @Test
  void kubectlDrivesAPodFromBeginToEnd() throws Exception {
    Await.until("the node is Ready", () -> kubectl("get", "nodes").contains(" Ready "));
    try (KubernetesClient admin = ApiClients.connect(kubeconfig("admin"), "test")) {
      admin.pods().inNamespace("default").resource(webServer()).create();
    }
    assertThat(kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=20s"))
        .contains("condition met");
    assertThat(kubectl("get", "pod", "web", "-o", "wide")).contains("1/1", "Running", "127.0.0.1");
    Await.until("it logged", () -> kubectl("logs", "web").equals("serving\n"));
    assertThat(kubectl("exec", "web", "--", "sh", "-c", "echo $((6*7)); cat /site/name"))
        .isEqualTo("42\nweb");
    Files.writeString(directory.resolve("sent"), "over there\n");
    assertThat(kubectl("cp", directory.resolve("sent").toString(), "web:/tmp/got")).isEmpty();
    assertThat(kubectl("exec", "web", "--", "cat", "/tmp/got")).isEqualTo("over there\n");
    forwardsPorts();
    String token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    assertThat(kubectl("exec", "web", "--", "cat", token)).startsWith("eyJ");
    assertThat(kubectl("exec", "web", "--", "env")).contains("KUBERNETES_SERVICE_HOST=10.32.0.1");
    Await.until(
        "events tell of it",
        () ->
            client.v1().events().inNamespace("default").list().getItems().stream()
                .map(Event::getReason)
                .toList()
                .containsAll(List.of("Pulled", "Created", "Started")));
    assertThat(kubectl("delete", "pod", "web", "--timeout=20s")).contains("deleted");
    assertThat(client.pods().inNamespace("default").withName("web").get()).isNull();
  }

  private static void forwardsPorts() throws Exception {
    Process forward =
        new ProcessBuilder(
                "kubectl",
                "--kubeconfig=" + directory.resolve("admin.kubeconfig"),
                "port-forward",
                "pod/web",
                ":18080")
            .redirectErrorStream(true)
            .start();
    try (BufferedReader said = forward.inputReader()) {
      String line = said.readLine();
      assertThat(line).startsWith("Forwarding from 127.0.0.1:");
      String port = line.substring(line.indexOf(':') + 1, line.indexOf(" ->"));
      URI uri = URI.create("http://127.0.0.1:" + port + "/name");
      var answer =
          HttpClient.newHttpClient()
              .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
      assertThat(answer.body()).isEqualTo("web");
    } finally {
      forward.destroy();
    }
  }

  private static Pod webServer() {
    return new PodBuilder()
        .withNewMetadata()
        .withName("web")
        .withNamespace("default")
        .endMetadata()
        .withNewSpec()
        .withHostNetwork(true)
        .withNodeName("node-a")
        .withTerminationGracePeriodSeconds(1L)
        .addNewContainer()
        .withName("main")
        .withImage(Containerd.IMAGE)
        .withCommand("sh", "-c", "echo serving; httpd -f -p 127.0.0.1:18080 -h /site")
        .withNewReadinessProbe()
        .withPeriodSeconds(1)
        .withNewExec()
        .withCommand("true")
        .endExec()
        .endReadinessProbe()
        .addNewVolumeMount()
        .withName("site")
        .withMountPath("/site")
        .endVolumeMount()
        .endContainer()
        .addNewVolume()
        .withName("site")
        .withNewDownwardAPI()
        .addNewItem()
        .withPath("name")
        .withNewFieldRef()
        .withFieldPath("metadata.name")
        .endFieldRef()
        .endItem()
        .endDownwardAPI()
        .endVolume()
        .endSpec()
        .build();
  }

  private static Path kubeconfig(String user) throws IOException {
    return Files.writeString(
        directory.resolve(user + ".kubeconfig"),
        """
        apiVersion: v1
        kind: Config
        clusters: [{name: c, cluster: {server: "https://127.0.0.1:%d", certificate-authority: %s/ca.pem}}]
        users: [{name: u, user: {client-certificate: %s/%s.pem, client-key: %s/%s.key}}]
        contexts: [{name: x, context: {cluster: c, user: u}}]
        current-context: x
        """
            .formatted(server.address().getPort(), directory, directory, user, directory, user));
  }

  /// What kubectl says on both of its outputs.
  private static String kubectl(String... arguments) {
    List<String> command = new ArrayList<>();
    command.add("kubectl");
    command.add("--kubeconfig=" + directory.resolve("admin.kubeconfig"));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("HOME", directory.toString());
    try {
      Process process = builder.start();
      process.getOutputStream().close();
      String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (!process.waitFor(30, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
      return out;
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
