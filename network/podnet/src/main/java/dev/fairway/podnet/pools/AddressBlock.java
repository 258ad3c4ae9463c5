// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The object that says which node has a block of a pool; cluster-scoped, written by agents only.
/// Its name follows from its range, so there can be but one. What it means is read into a [Block].
@Group(AddressPool.GROUP)
@Version(AddressPool.VERSION)
public final class AddressBlock extends CustomResource<AddressBlock.Spec, Void> {
  private static final long serialVersionUID = 1L;

  /// As written; nothing is checked yet.
  ///
  /// @param cidr the block
  /// @param pool name of the pool that it was cut from
  /// @param node who has it; empty for nobody
  /// @param kept how many of its leading addresses the node gives out without asking
  /// @param claims addresses that a node has one by one, and which node
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Spec(
      @Nullable String cidr,
      @Nullable String pool,
      @Nullable String node,
      @Nullable Integer kept,
      @Nullable Map<String, String> claims) {}

  @Override
  protected Spec initSpec() {
    return new Spec(null, null, null, null, null);
  }
}
