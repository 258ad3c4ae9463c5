// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.Cri;
import dev.fairway.kubelet.cri.CriException;
import dev.fairway.kubelet.cri.v1.RuntimeCondition;
import dev.fairway.kubelet.cri.v1.VersionResponse;
import dev.fairway.reconcile.SteadyTime;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeAddress;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.NodeCondition;
import io.fabric8.kubernetes.api.model.NodeConditionBuilder;
import io.fabric8.kubernetes.api.model.NodeStatus;
import io.fabric8.kubernetes.api.model.NodeStatusBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.coordination.v1.LeaseBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Tells the cluster that this node is there and how it is.
///
/// The Lease says every 10 s that the node lives. The Node's status is sent when it changes, and
/// every minute. While the node is not Ready its state is looked at often, so that a new cluster is
/// up soon.
final class NodeReporter implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NodeReporter.class);
  private static final Duration LEASE_EVERY = Duration.ofSeconds(10);
  private static final int LEASE_SECONDS = 40;
  private static final Duration STATUS_EVERY = Duration.ofMinutes(1);
  private static final Duration LOOK_WHEN_READY = Duration.ofSeconds(5);
  private static final Duration LOOK_WHEN_NOT = Duration.ofMillis(100);
  private static final Duration RETRY = Duration.ofMillis(500);
  private static final String LEASES = "kube-node-lease";
  private static final String VERSION = "v1.36.0-fairway";
  private static final int CONFLICT = 409;

  private final KubeletConfig config;
  private final Machine machine;
  private final Cri cri;
  private final KubernetesClient client;
  private final int apiPort;
  private final Thread status;
  private final Thread lease;
  private volatile boolean closed;
  private boolean registered;
  private String lastReady = "";
  private @Nullable String lastProblem;
  private Instant readySince = Instant.EPOCH;
  private Instant sent = Instant.MIN; // by SteadyTime

  NodeReporter(
      KubeletConfig config, Machine machine, Cri cri, KubernetesClient client, int apiPort) {
    this.config = config;
    this.machine = machine;
    this.cri = cri;
    this.client = client;
    this.apiPort = apiPort;
    this.status = Thread.ofVirtual().name("node-status").unstarted(this::reportForEver);
    this.lease = Thread.ofVirtual().name("node-lease").unstarted(this::renewForEver);
  }

  void start() {
    status.start();
    lease.start();
  }

  @Override
  public void close() {
    closed = true;
    status.interrupt();
    lease.interrupt();
  }

  private void reportForEver() {
    try {
      while (!closed) {
        boolean ready = false;
        try {
          String problem = notReadyBecause();
          ready = problem.isEmpty();
          report(problem);
          lastProblem = null;
        } catch (KubernetesClientException e) {
          warnOnce("node status not sent: " + e.getMessage());
          Thread.sleep(RETRY);
        }
        Thread.sleep(ready ? LOOK_WHEN_READY : LOOK_WHEN_NOT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void warnOnce(String problem) {
    if (!problem.equals(lastProblem)) {
      LOG.warn("{}", problem);
      lastProblem = problem;
    }
  }

  /// Empty if the node can run pods.
  private String notReadyBecause() {
    try {
      for (RuntimeCondition condition : cri.conditions()) {
        if (!condition.getStatus()) {
          return condition.getType() + " is false: " + condition.getMessage();
        }
      }
      return "";
    } catch (CriException e) {
      return "container runtime: " + e.reason();
    }
  }

  private void report(String problem) {
    Instant now = Instant.now();
    if (!registered) {
      register();
      registered = true;
    }
    String ready = problem.isEmpty() ? "True" : "False";
    boolean turned = !ready.equals(lastReady);
    if (!turned && SteadyTime.now().isBefore(sent.plus(STATUS_EVERY))) {
      return;
    }
    if (turned) {
      readySince = now;
    }
    NodeStatus wanted = nodeStatus(problem, now);
    String patch = "{\"status\":" + client.getKubernetesSerialization().asJson(wanted) + "}";
    try {
      client
          .nodes()
          .withName(config.nodeName())
          .subresource("status")
          .patch(PatchContext.of(PatchType.JSON_MERGE), patch);
    } catch (KubernetesClientException e) {
      // Deleted by hand: a node that lives is made again.
      registered = e.getCode() != 404;
      throw e;
    }
    if (turned) {
      LOG.info(
          "node {} is {}",
          config.nodeName(),
          problem.isEmpty() ? "Ready" : "not Ready: " + problem);
    }
    lastReady = ready;
    sent = SteadyTime.now();
  }

  private void register() {
    Map<String, String> labels = new HashMap<>(config.labels());
    labels.put("kubernetes.io/hostname", config.nodeName());
    labels.put("kubernetes.io/os", "linux");
    labels.put("kubernetes.io/arch", machine.architecture());
    Node node =
        new NodeBuilder()
            .withNewMetadata()
            .withName(config.nodeName())
            .withLabels(labels)
            .endMetadata()
            .withNewSpec()
            .endSpec()
            .build();
    try {
      client.nodes().resource(node).create();
    } catch (KubernetesClientException e) {
      if (e.getCode() != CONFLICT) {
        throw e;
      }
      String patch =
          "{\"metadata\":{\"labels\":" + client.getKubernetesSerialization().asJson(labels) + "}}";
      client
          .nodes()
          .withName(config.nodeName())
          .patch(PatchContext.of(PatchType.JSON_MERGE), patch);
    }
  }

  private NodeStatus nodeStatus(String problem, Instant now) {
    VersionResponse runtime = runtimeVersion();
    Map<String, Quantity> resources = new HashMap<>();
    resources.put("cpu", new Quantity(Integer.toString(machine.cpus())));
    resources.put("memory", new Quantity(machine.memoryBytes() / 1024 + "Ki"));
    resources.put("pods", new Quantity(Integer.toString(config.maxPods())));
    resources.put("ephemeral-storage", new Quantity(diskBytes() / 1024 + "Ki"));
    return new NodeStatusBuilder()
        .withAddresses(addresses())
        .withCapacity(resources)
        .withAllocatable(resources)
        .withConditions(conditions(problem, now))
        .withNewDaemonEndpoints()
        .withNewKubeletEndpoint(apiPort)
        .endDaemonEndpoints()
        .withNewNodeInfo()
        .withMachineID(machine.machineId())
        .withSystemUUID(machine.machineId())
        .withBootID(machine.bootId())
        .withKernelVersion(machine.kernelVersion())
        .withOsImage(machine.osImage())
        .withContainerRuntimeVersion(runtime.getRuntimeName() + "://" + runtime.getRuntimeVersion())
        .withKubeletVersion(VERSION)
        .withKubeProxyVersion(VERSION)
        .withOperatingSystem("linux")
        .withArchitecture(machine.architecture())
        .endNodeInfo()
        .build();
  }

  private List<NodeAddress> addresses() {
    List<NodeAddress> addresses = new ArrayList<>();
    for (String ip : config.nodeIps()) {
      addresses.add(new NodeAddress(ip, "InternalIP"));
    }
    addresses.add(new NodeAddress(config.nodeName(), "Hostname"));
    return addresses;
  }

  private List<NodeCondition> conditions(String problem, Instant now) {
    return List.of(
        condition(
            "MemoryPressure",
            "False",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
            now),
        condition(
            "DiskPressure",
            "False",
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure",
            now),
        condition(
            "PIDPressure",
            "False",
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
            now),
        problem.isEmpty()
            ? condition("Ready", "True", "KubeletReady", "kubelet is posting ready status", now)
            : condition("Ready", "False", "KubeletNotReady", problem, now));
  }

  private NodeCondition condition(
      String type, String status, String reason, String message, Instant now) {
    return new NodeConditionBuilder()
        .withType(type)
        .withStatus(status)
        .withReason(reason)
        .withMessage(message)
        .withLastHeartbeatTime(PodStatuses.time(now))
        .withLastTransitionTime(PodStatuses.time(readySince))
        .build();
  }

  private VersionResponse runtimeVersion() {
    try {
      return cri.version();
    } catch (CriException e) {
      return VersionResponse.newBuilder().setRuntimeName("containerd").build();
    }
  }

  private long diskBytes() {
    try {
      return Files.getFileStore(config.stateDirectory()).getTotalSpace();
    } catch (IOException e) {
      return 0;
    }
  }

  private void renewForEver() {
    try {
      while (!closed) {
        try {
          renew();
          Thread.sleep(LEASE_EVERY);
        } catch (KubernetesClientException e) {
          LOG.debug("lease not renewed: {}", e.getMessage());
          Thread.sleep(RETRY.multipliedBy(2));
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void renew() {
    String now = Instant.now().truncatedTo(ChronoUnit.MICROS).toString();
    var leases = client.leases().inNamespace(LEASES);
    String patch = "{\"spec\":{\"renewTime\":\"" + now + "\"}}";
    try {
      leases.withName(config.nodeName()).patch(PatchContext.of(PatchType.JSON_MERGE), patch);
    } catch (KubernetesClientException e) {
      if (e.getCode() != 404) {
        throw e;
      }
      leases
          .resource(
              new LeaseBuilder()
                  .withNewMetadata()
                  .withName(config.nodeName())
                  .withNamespace(LEASES)
                  .endMetadata()
                  .withNewSpec()
                  .withHolderIdentity(config.nodeName())
                  .withLeaseDurationSeconds(LEASE_SECONDS)
                  .withRenewTime(java.time.ZonedDateTime.parse(now))
                  .endSpec()
                  .build())
          .create();
    }
  }
}
