// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.store.EmbeddedStore;
import dev.fairway.store.Store;
import dev.fairway.store.StoreConfig;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// An API server on loopback with a store and keys in a directory, and kubectl to drive it.
final class TestServer implements AutoCloseable {
  private final Path directory;
  private final Pki pki;
  private Store store;
  private ApiServer server;

  /// What a command said.
  record Said(int exit, String out, String err) {
    String all() {
      return out + err;
    }
  }

  TestServer(Path directory) throws IOException {
    this.directory = directory;
    this.pki = new Pki(directory);
    this.store = EmbeddedStore.open(StoreConfig.of(directory.resolve("store.db")));
    this.server = ApiServer.start(config(0));
    for (String user : List.of("admin", "node", "nobody")) {
      writeKubeconfig(user);
    }
  }

  Pki pki() {
    return pki;
  }

  InetSocketAddress address() {
    return server.address();
  }

  ApiServerConfig config(int port) {
    return new ApiServerConfig(
        new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
        IpAddress.parse("10.240.0.10"),
        pki.file("server.crt"),
        pki.file("server.key"),
        pki.file("ca.crt"),
        pki.file("sa.key"),
        List.of(pki.file("sa.pub")),
        "https://kubernetes.default.svc.cluster.local",
        pki.file("kubelet-client.crt"),
        pki.file("kubelet-client.key"),
        pki.file("ca.crt"),
        List.of(Prefix.parse("10.32.0.0/16")),
        30000,
        32767,
        "cluster.local",
        store);
  }

  /// Stops everything and starts again on the same files and port.
  void restart() throws IOException {
    int port = address().getPort();
    server.close();
    store.close();
    store = EmbeddedStore.open(StoreConfig.of(directory.resolve("store.db")));
    server = ApiServer.start(config(port));
  }

  private void writeKubeconfig(String user) throws IOException {
    Files.writeString(
        directory.resolve(user + ".kubeconfig"),
        """
        apiVersion: v1
        kind: Config
        clusters: [{name: c, cluster: {server: "https://127.0.0.1:%d", certificate-authority: %s}}]
        users: [{name: u, user: {client-certificate: %s, client-key: %s}}]
        contexts: [{name: x, context: {cluster: c, user: u}}]
        current-context: x
        """
            .formatted(
                address().getPort(),
                pki.file("ca.crt"),
                pki.file(user + ".crt"),
                pki.file(user + ".key")));
  }

  /// The kubectls to try: `kubectl.1.27` and `kubectl.1.33` where they are installed beside
  /// kubectl, else kubectl itself.
  static List<String> kubectls() {
    List<String> found = new ArrayList<>();
    Path plain = null;
    for (String directory : System.getenv("PATH").split(File.pathSeparator)) {
      Path candidate = Path.of(directory, "kubectl");
      if (plain == null && Files.isExecutable(candidate)) {
        plain = candidate;
      }
    }
    if (plain == null) {
      throw new IllegalStateException("no kubectl on the PATH");
    }
    try {
      Path real = plain.toRealPath();
      for (String version : List.of("1.27", "1.33")) {
        Path one = real.resolveSibling("kubectl." + version);
        if (Files.isExecutable(one)) {
          found.add(one.toString());
        }
      }
    } catch (IOException broken) {
      throw new UncheckedIOException(broken);
    }
    return found.isEmpty() ? List.of(plain.toString()) : found;
  }

  Said kubectl(String kubectl, String... arguments) throws IOException, InterruptedException {
    return kubectlAs("admin", kubectl, "", arguments);
  }

  Process start(String user, String kubectl, String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(kubectl);
    command.add("--kubeconfig=" + directory.resolve(user + ".kubeconfig"));
    command.addAll(Arrays.asList(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("HOME", directory.toString());
    builder
        .environment()
        .put(
            "KUBECACHEDIR",
            directory.resolve("cache-" + Path.of(kubectl).getFileName()).toString());
    return builder.start();
  }

  Said kubectlAs(String user, String kubectl, String input, String... arguments)
      throws IOException, InterruptedException {
    Process process = start(user, kubectl, arguments);
    process.outputWriter(StandardCharsets.UTF_8).append(input).close();
    StringBuilder err = new StringBuilder();
    Thread errors =
        Thread.ofVirtual()
            .start(() -> process.errorReader().lines().forEach(l -> err.append(l).append('\n')));
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IOException("kubectl " + String.join(" ", arguments) + " did not end");
    }
    errors.join();
    return new Said(process.exitValue(), out, err.toString());
  }

  @Override
  public void close() {
    server.close();
    store.close();
  }
}
