// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.loop;

import io.fabric8.kubernetes.api.model.APIGroup;
import io.fabric8.kubernetes.api.model.APIResource;
import io.fabric8.kubernetes.api.model.APIResourceList;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.util.ArrayList;
import java.util.List;

/// The kinds a server serves that can be listed and deleted, each in its preferred version.
public final class ServedKinds {
  private ServedKinds() {}

  /// One kind.
  ///
  /// @param groupVersion such as `v1` or `apps/v1`
  public record Served(String groupVersion, String kind, String plural, boolean namespaced) {
    /// The API group, empty for the core group.
    public String group() {
      int slash = groupVersion.indexOf('/');
      return slash < 0 ? "" : groupVersion.substring(0, slash);
    }

    public ResourceDefinitionContext context() {
      return new ResourceDefinitionContext.Builder()
          .withGroup(group())
          .withVersion(groupVersion.substring(groupVersion.indexOf('/') + 1))
          .withKind(kind)
          .withPlural(plural)
          .withNamespaced(namespaced)
          .build();
    }
  }

  public static List<Served> of(KubernetesClient client) {
    List<Served> served = new ArrayList<>();
    add(client, "v1", served);
    for (APIGroup group : client.getApiGroups().getGroups()) {
      // The same Events are served by the core group.
      if (!group.getName().equals("events.k8s.io")) {
        add(client, group.getPreferredVersion().getGroupVersion(), served);
      }
    }
    return served;
  }

  private static void add(KubernetesClient client, String groupVersion, List<Served> served) {
    APIResourceList resources = client.getApiResources(groupVersion);
    if (resources == null) {
      return;
    }
    for (APIResource each : resources.getResources()) {
      if (each.getName().indexOf('/') < 0
          && each.getVerbs().contains("list")
          && each.getVerbs().contains("delete")) {
        served.add(new Served(groupVersion, each.getKind(), each.getName(), each.getNamespaced()));
      }
    }
  }
}
