// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Plural;
import io.fabric8.kubernetes.model.annotation.Version;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The object by which administrators say who may talk to whom, as sigs.k8s.io/network-policy-api
/// defines it, version 0.2; cluster-scoped. What it means is read once, into a [ClusterPolicy].
@Group(ClusterNetworkPolicy.GROUP)
@Version(ClusterNetworkPolicy.VERSION)
@Plural(ClusterNetworkPolicy.PLURAL)
public final class ClusterNetworkPolicy
    extends CustomResource<ClusterNetworkPolicy.Spec, ClusterNetworkPolicy.Status> {
  static final String GROUP = "policy.networking.k8s.io";
  static final String VERSION = "v1alpha2";
  static final String PLURAL = "clusternetworkpolicies";
  private static final long serialVersionUID = 1L;

  /// As written; nothing is checked yet.
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  public record Spec(
      @Nullable String tier,
      @Nullable Integer priority,
      @Nullable WrittenPeer subject,
      @Nullable List<WrittenRule> ingress,
      @Nullable List<WrittenRule> egress) {}

  /// What was told of it.
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  public record Status(@Nullable List<Condition> conditions) {}

  /// A rule of either direction.
  ///
  /// @param from of ingress
  /// @param to of egress
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  public record WrittenRule(
      @Nullable String name,
      @Nullable String action,
      @Nullable List<WrittenPeer> from,
      @Nullable List<WrittenPeer> to,
      @Nullable List<WrittenProtocol> protocols) {}

  /// One of them is to be there. A subject and a peer of ingress have namespaces or pods only.
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record WrittenPeer(
      @Nullable LabelSelector namespaces,
      @Nullable NamespacedPods pods,
      @Nullable LabelSelector nodes,
      @Nullable List<String> networks,
      @Nullable List<String> domainNames) {}

  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record NamespacedPods(
      @Nullable LabelSelector namespaceSelector, @Nullable LabelSelector podSelector) {}

  /// One of them is to be there.
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record WrittenProtocol(
      @Nullable WrittenPorts tcp,
      @Nullable WrittenPorts udp,
      @Nullable WrittenPorts sctp,
      @Nullable String destinationNamedPort) {}

  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record WrittenPorts(@Nullable WrittenPort destinationPort) {}

  /// One of them is to be there.
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record WrittenPort(@Nullable Integer number, @Nullable WrittenRange range) {}

  /// Ports in a row.
  ///
  /// @param end included
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record WrittenRange(@Nullable Integer start, @Nullable Integer end) {}

  @Override
  protected Spec initSpec() {
    return new Spec(null, null, null, null, null);
  }
}
