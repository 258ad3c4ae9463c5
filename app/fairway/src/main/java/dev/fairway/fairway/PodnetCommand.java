// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.net.Prefix;
import dev.fairway.podnet.PodNetwork;
import dev.fairway.provision.ProvisionException;
import dev.fairway.reconcile.ApiClients;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "podnet",
    description =
        "Runs the pod network alone, on a node of any Kubernetes cluster. docs/recipes/podnet.md has"
            + " the manifest.")
final class PodnetCommand implements Callable<Integer> {
  private static final Path ACCOUNT = Path.of("/var/run/secrets/kubernetes.io/serviceaccount");
  private static final String USER_AGENT = "fairway-podnet";

  @Option(
      names = "--kubeconfig",
      paramLabel = "FILE",
      description = "how to reach the API server; inside a pod its service account does")
  private @Nullable Path kubeconfig;

  @Option(
      names = "--node",
      required = true,
      paramLabel = "NAME",
      description = "metadata.name of this machine's Node")
  private String node = "";

  @Option(
      names = "--pods",
      paramLabel = "RANGE",
      defaultValue = "10.244.0.0/16",
      description = "the range of all pods of the cluster (default: ${DEFAULT-VALUE})")
  private String pods = "";

  @Option(
      names = "--backend",
      paramLabel = "BACKEND",
      defaultValue = "vxlan",
      description = "vxlan (default) or routes")
  private String backend = "";

  @Option(
      names = "--print-plan",
      description = "print what would be changed in the kernel, change nothing, and end")
  private boolean printPlan;

  @Option(
      names = "--cni-bin",
      paramLabel = "DIR",
      defaultValue = "/opt/cni/bin",
      description = "where the runtime looks for CNI executables (default: ${DEFAULT-VALUE})")
  private Path binDir = Path.of("");

  @Option(
      names = "--cni-conf",
      paramLabel = "DIR",
      defaultValue = "/etc/cni/net.d",
      description = "where it looks for network configurations (default: ${DEFAULT-VALUE})")
  private Path confDir = Path.of("");

  @Option(
      names = "--run",
      paramLabel = "DIR",
      defaultValue = "/run/fairway-podnet",
      description = "for sockets (default: ${DEFAULT-VALUE})")
  private Path runDir = Path.of("");

  @Option(
      names = "--state",
      paramLabel = "DIR",
      defaultValue = "/var/lib/fairway-podnet",
      description = "for what must outlive the process (default: ${DEFAULT-VALUE})")
  private Path stateDir = Path.of("");

  @Override
  public Integer call() throws Exception {
    Requirements.root("podnet");
    try (KubernetesClient client = client()) {
      PodnetProcess process = new PodnetProcess(client, node, this::config);
      if (printPlan) {
        process.printPlan();
      } else {
        process.run(confDir);
      }
    } catch (IllegalArgumentException e) {
      throw new ProvisionException(String.valueOf(e.getMessage()), e);
    }
    return 0;
  }

  private PodNetwork.Config config(PodnetProcess.Place place) {
    return new PodNetwork.Config(
        node,
        place.address(),
        place.underlay(),
        Prefix.parse(pods),
        switch (backend) {
          case "vxlan" -> PodNetwork.BackendKind.VXLAN;
          case "routes" -> PodNetwork.BackendKind.ROUTES;
          default ->
              throw new ProvisionException(
                  "--backend " + backend.toLowerCase(Locale.ROOT) + ": it is vxlan or routes");
        },
        runDir.resolve("cni.sock"),
        binDir,
        confDir,
        stateDir);
  }

  private KubernetesClient client() {
    if (kubeconfig != null) {
      return ApiClients.connect(kubeconfig, USER_AGENT);
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
