/** Style sheets are bundled by Vite; a module that imports one gets nothing of it. */
declare module "*.css";
