/** The controllers that `headgate controller` can run on a cluster, by the names of its flag. */
export const clusterControllers = ['aim', 'aigateway', 'airunway'] as const;
export type ClusterController = (typeof clusterControllers)[number];
