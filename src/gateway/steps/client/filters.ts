import type { RouteFilter } from '../../../routes/table.ts';
import { applyFilters } from '../../filters.ts';
import type { ClientStep } from './step.ts';

/** The filters of the rule; one of them may answer. */
export const filtersOf =
  (filters: readonly RouteFilter[]): ClientStep =>
  ({ outgoing, exchange, served }) =>
    outgoing && applyFilters(filters, outgoing, exchange, served.port);
