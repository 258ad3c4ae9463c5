// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The object by which people say where pods' addresses come from; cluster-scoped. What it means is
/// read once, into a [Pool].
@Group(AddressPool.GROUP)
@Version(AddressPool.VERSION)
public final class AddressPool extends CustomResource<AddressPool.Spec, Void> {
  static final String GROUP = "podnet.fairway.dev";
  static final String VERSION = "v1alpha1";
  private static final long serialVersionUID = 1L;

  /// As written; nothing is checked yet.
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  public record Spec(
      @Nullable String cidr,
      @Nullable Integer blockSize,
      @Nullable LabelSelector namespaceSelector,
      @Nullable LabelSelector nodeSelector,
      @Nullable List<String> reserved,
      @Nullable String borrowing,
      @Nullable Boolean disabled) {}

  @Override
  protected Spec initSpec() {
    return new Spec(null, null, null, null, null, null, null);
  }
}
