// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.dns.corefile.Corefile;
import dev.fairway.dns.corefile.InvalidCorefile;
import dev.fairway.net.IpAddress;
import dev.fairway.provision.ProvisionException;
import dev.fairway.reconcile.ApiClients;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "dns",
    description =
        "Answers the names of any Kubernetes cluster, in CoreDNS's place and with its Corefile."
            + " docs/recipes/dns.md has the manifest.")
final class DnsCommand implements Callable<Integer> {
  private static final Path ACCOUNT = Path.of("/var/run/secrets/kubernetes.io/serviceaccount");
  private static final String USER_AGENT = "fairway-dns";

  @Option(
      names = "--kubeconfig",
      paramLabel = "FILE",
      description = "how to reach the API server; inside a pod its service account does")
  private @Nullable Path kubeconfig;

  @Option(names = "--config", required = true, paramLabel = "FILE", description = "a Corefile")
  private Path file = Path.of("");

  @Option(
      names = "--listen",
      paramLabel = "ADDRESS",
      description = "where to listen instead of what 'bind' says; may be given again")
  private List<String> listen = new ArrayList<>();

  @Option(names = "--check", description = "say whether the Corefile is understood, and end")
  private boolean check;

  @Override
  public Integer call() throws Exception {
    Corefile first = read();
    addresses(first);
    if (check) {
      System.out.println(file + ": understood; port " + first.port());
      return 0;
    }
    try (KubernetesClient client = client(first)) {
      new DnsProcess(client, this::read, this::addresses).run(first);
    } catch (IllegalArgumentException e) {
      throw new ProvisionException(String.valueOf(e.getMessage()), e);
    }
    return 0;
  }

  private Corefile read() throws IOException {
    String text;
    try {
      text = Files.readString(file);
    } catch (IOException e) {
      throw new IOException("--config " + file + " cannot be read: " + e.getMessage(), e);
    }
    try {
      return Corefile.parse(file.toString(), text, DnsCommand::lines);
    } catch (InvalidCorefile e) {
      throw new ProvisionException(String.valueOf(e.getMessage()), e);
    }
  }

  private static List<String> lines(String path) {
    try {
      return Files.readAllLines(Path.of(path));
    } catch (IOException e) {
      throw new ProvisionException(path + " cannot be read: " + e.getMessage(), e);
    }
  }

  private List<InetSocketAddress> addresses(Corefile corefile) {
    List<String> wanted = listen.isEmpty() ? corefile.bind() : listen;
    if (wanted.isEmpty()) {
      return List.of(new InetSocketAddress(corefile.port()));
    }
    List<InetSocketAddress> addresses = new ArrayList<>();
    for (String text : wanted) {
      try {
        addresses.add(
            new InetSocketAddress(IpAddress.parse(text).toInetAddress(), corefile.port()));
      } catch (IllegalArgumentException e) {
        throw new ProvisionException(text + " is no address to listen at", e);
      }
    }
    return addresses;
  }

  private KubernetesClient client(Corefile corefile) {
    Path given = kubeconfig;
    if (given == null && corefile.kubeconfig().isPresent()) {
      given = Path.of(corefile.kubeconfig().get());
    }
    if (given != null) {
      return ApiClients.connect(given, USER_AGENT);
    }
    String host = System.getenv("KUBERNETES_SERVICE_HOST");
    String port = System.getenv("KUBERNETES_SERVICE_PORT");
    if (host == null || port == null) {
      throw new ProvisionException(
          "this is no pod (KUBERNETES_SERVICE_HOST is not set): --kubeconfig FILE tells how to reach"
              + " the API server");
    }
    String bracketed = host.contains(":") ? "[" + host + "]" : host;
    return ApiClients.inPod("https://" + bracketed + ":" + port, ACCOUNT, USER_AGENT);
  }
}
