// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.podnet.PodNetwork;
import dev.fairway.podnet.settings.InvalidSettings;
import dev.fairway.podnet.settings.PodNetworkSettings;
import dev.fairway.provision.ProvisionException;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
      names = "--config",
      required = true,
      paramLabel = "FILE",
      description =
          "what is wanted of the pod network, the same for all nodes: a PodNetworkConfiguration, or"
              + " flannel's net-conf.json")
  private Path settings = Path.of("");

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
    PodNetworkSettings wanted = settings();
    try (KubernetesClient client = ApiAccess.connect(kubeconfig, USER_AGENT)) {
      PodnetProcess process = new PodnetProcess(client, node, place -> config(wanted, place));
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

  private PodNetwork.Config config(PodNetworkSettings wanted, PodnetProcess.Place place) {
    return new PodNetwork.Config(
        node,
        place.address(),
        place.underlay(),
        wanted,
        runDir.resolve("cni.sock"),
        binDir,
        confDir,
        stateDir);
  }

  private PodNetworkSettings settings() throws IOException {
    try {
      return PodNetworkSettings.parse(Files.readString(settings));
    } catch (InvalidSettings e) {
      throw new ProvisionException(settings + ": " + e.getMessage(), e);
    } catch (IOException e) {
      throw new IOException("--config " + settings + " cannot be read: " + e.getMessage(), e);
    }
  }
}
