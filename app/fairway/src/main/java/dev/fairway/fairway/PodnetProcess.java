// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.linux.Link;
import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.net.IpAddress;
import dev.fairway.podnet.PodNetwork;
import dev.fairway.podnet.forwarding.ForwardingStep;
import dev.fairway.podnet.status.StepText;
import dev.fairway.provision.ProvisionException;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.Selection;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeAddress;
import io.fabric8.kubernetes.api.model.authorization.v1.SelfSubjectAccessReview;
import io.fabric8.kubernetes.api.model.authorization.v1.SelfSubjectAccessReviewBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The pod network of one node of any cluster: looks whether it can work here, then follows the
/// cluster's Nodes.
final class PodnetProcess {
  private static final Logger LOG = LoggerFactory.getLogger(PodnetProcess.class);
  private static final String OWN_CONFIGURATION = "10-fairway.conflist";

  /// Where on the network between the machines this one is.
  record Place(IpAddress address, String underlay) {}

  private final KubernetesClient client;
  private final String name;
  private final Function<Place, PodNetwork.Config> config;

  PodnetProcess(KubernetesClient client, String name, Function<Place, PodNetwork.Config> config) {
    this.client = client;
    this.name = name;
    this.config = config;
  }

  /// Returns when asked to end.
  void run(Path confDir) throws IOException, InterruptedException {
    refuseForeignConfiguration(confDir);
    requireRight("watch", "");
    requireRight("patch", "status");
    List<Node> nodes = nodes();
    Node me = me(nodes);
    PodNetwork.Config here = config.apply(place(me));
    if (me.getSpec() == null || me.getSpec().getPodCIDR() == null) {
      LOG.warn("Node {} has no spec.podCIDR yet: pods wait until a controller gives it one", name);
    }
    ClusterFollower.Builder follow = ClusterFollower.of(client).follow(Node.class);
    String settings = PodNetwork.SETTINGS.namespace() + "/" + PodNetwork.SETTINGS.name();
    if (isAllowed("watch", "configmaps", "", PodNetwork.SETTINGS.name())) {
      follow.follow(
          ConfigMap.class, Selection.ofField("metadata.name", PodNetwork.SETTINGS.name()));
    } else {
      LOG.warn("No right to watch ConfigMap {}: settings are those of --config only", settings);
    }
    try (PodNetwork network = PodNetwork.start(here, client);
        ClusterFollower follower = follow.subscribe("podnet", network).start()) {
      LOG.info("The pod network of {} runs at {} on {}", name, here.nodeAddress(), here.underlay());
      Termination.await();
    }
  }

  void printPlan() {
    List<Node> nodes = nodes();
    Node me = me(nodes);
    if (me.getSpec() == null || me.getSpec().getPodCIDR() == null) {
      throw new ProvisionException(
          "Node "
              + name
              + " has no spec.podCIDR: let a controller give it one"
              + " (kube-controller-manager --allocate-node-cidrs --cluster-cidr=RANGE)");
    }
    try (NetworkNamespace machine = NetworkNamespace.current()) {
      List<ForwardingStep> steps = PodNetwork.plan(config.apply(place(me)), machine, nodes);
      steps.forEach(step -> System.out.println(StepText.of(step)));
      if (steps.isEmpty()) {
        System.out.println("Nothing is to be changed.");
      }
    }
  }

  private List<Node> nodes() {
    try {
      return client.nodes().list().getItems();
    } catch (KubernetesClientException e) {
      throw refused("list", e);
    }
  }

  private Node me(List<Node> nodes) {
    return nodes.stream()
        .filter(node -> node.getMetadata().getName().equals(name))
        .findFirst()
        .orElseThrow(() ->
            new ProvisionException(
                "there is no Node "
                    + name
                    + " at "
                    + client.getMasterUrl()
                    + ": --node is its metadata.name; the kubelet makes it"));
  }

  private ProvisionException refused(String verb, KubernetesClientException e) {
    if (e.getCode() == HttpURLConnection.HTTP_FORBIDDEN) {
      return new ProvisionException(noRight(verb, "nodes") + ": " + e.getMessage(), e);
    }
    if (e.getCode() == HttpURLConnection.HTTP_UNAUTHORIZED) {
      return new ProvisionException(
          "the API server at " + client.getMasterUrl() + " does not know who asks (401)", e);
    }
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return new ProvisionException(
        "the API server at " + client.getMasterUrl() + " does not answer: " + cause.getMessage(),
        e);
  }

  private static String noRight(String verb, String resource) {
    return "no permission to "
        + verb
        + " "
        + resource
        + "; docs/recipes/podnet.md has the ClusterRole that it needs";
  }

  private void requireRight(String verb, String subresource) {
    if (!isAllowed(verb, "nodes", subresource, verb.equals("patch") ? name : null)) {
      throw new ProvisionException(
          noRight(verb, subresource.isEmpty() ? "nodes" : "nodes/" + subresource));
    }
  }

  private boolean isAllowed(
      String verb, String resource, String subresource, @Nullable String object) {
    SelfSubjectAccessReview question =
        new SelfSubjectAccessReviewBuilder()
            .withNewSpec()
            .withNewResourceAttributes()
            .withVerb(verb)
            .withResource(resource)
            .withSubresource(subresource.isEmpty() ? null : subresource)
            .withName(object)
            .endResourceAttributes()
            .endSpec()
            .build();
    try {
      return Boolean.TRUE.equals(client.resource(question).create().getStatus().getAllowed());
    } catch (KubernetesClientException e) {
      throw refused(verb, e);
    }
  }

  /// The address that the Node tells, and the link that has it.
  private Place place(Node me) {
    List<NodeAddress> told =
        me.getStatus() == null || me.getStatus().getAddresses() == null
            ? List.of()
            : me.getStatus().getAddresses();
    List<String> internal =
        told.stream()
            .filter(address -> "InternalIP".equals(address.getType()))
            .map(NodeAddress::getAddress)
            .toList();
    if (internal.isEmpty()) {
      throw new ProvisionException(
          "Node " + name + ": status.addresses has no InternalIP; the kubelet sets it");
    }
    try (RouteNetlink netlink = RouteNetlink.open()) {
      List<LinkAddress> here = netlink.addresses();
      for (String text : internal) {
        IpAddress address = IpAddress.parse(text);
        for (LinkAddress candidate : here) {
          Optional<Link> link = netlink.link(candidate.link());
          if (candidate.address().equals(address) && link.isPresent()) {
            return new Place(address, link.get().name());
          }
        }
      }
    }
    throw new ProvisionException(
        "this machine has none of the addresses "
            + String.join(", ", internal)
            + " of Node "
            + name
            + ": run on that node, in its own network (hostNetwork: true)");
  }

  /// A runtime takes the first file by name, so ours would never be looked at.
  private static void refuseForeignConfiguration(Path confDir) throws IOException {
    if (!Files.isDirectory(confDir)) {
      return;
    }
    try (Stream<Path> files = Files.list(confDir)) {
      Optional<String> first =
          files
              .map(file -> file.getFileName().toString())
              .filter(file ->
                  file.endsWith(".conflist") || file.endsWith(".conf") || file.endsWith(".json"))
              .filter(file -> file.compareTo(OWN_CONFIGURATION) < 0)
              .sorted()
              .findFirst();
      if (first.isPresent()) {
        throw new ProvisionException(
            "another pod network is configured here: "
                + confDir.resolve(first.get())
                + " comes before "
                + OWN_CONFIGURATION
                + ", so the runtime takes that; take it away first, with the pods it connected");
      }
    }
  }
}
